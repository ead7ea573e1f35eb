package journal

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/seed52a35d2d/realtime-server/sio"
)

// The fields of a ticket that are read one by one. A third, "f", has those who held
// it before, the last one first.
const (
	fieldHolder = "h"
	fieldTicket = "t"
)

// The scripts of tickets. They are short, and are sent in pipelines, where a
// server that does not know them could not be told in time: so as they are.
const (
	// save keeps a ticket unless somebody else holds it. ARGV: holder, ticket,
	// milliseconds.
	save = `
local holder = redis.call('HGET', KEYS[1], 'h')
if holder and holder ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'h', ARGV[1], 't', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1`
	// take takes what a ticket says, and leaves that it is held: what its last
	// holder still writes is refused. It returns who held it, up to four, for each
	// may have died before it could take note of those before it; and the time,
	// which is later than that of any taking before. ARGV: holder, milliseconds.
	take = `
local ticket = redis.call('HGET', KEYS[1], 't')
if not ticket then return false end
local former = {}
local known = {[ARGV[1]] = true}
for holder in string.gmatch((redis.call('HGET', KEYS[1], 'h') or '') .. ' ' .. (redis.call('HGET', KEYS[1], 'f') or ''), '%S+') do
  if not known[holder] and #former < 4 then
    known[holder] = true
    former[#former + 1] = holder
  end
end
former = table.concat(former, ' ')
redis.call('HDEL', KEYS[1], 't')
redis.call('HSET', KEYS[1], 'h', ARGV[1], 'f', former)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
local time = redis.call('TIME')
return {ticket, former, string.format('%.0f', time[1] * 1000000 + time[2])}`
	// drop ends a ticket unless somebody else holds it. ARGV: holder.
	drop = `
if redis.call('HGET', KEYS[1], 'h') == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`
)

// Save implements sio.Journal.
func (j *Journal) Save(ctx context.Context, tickets []sio.Ticket) (taken []string, err error) {
	commands := make([]*redis.Cmd, len(tickets))
	_, err = j.Client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, t := range tickets {
			commands[i] = p.Eval(ctx, save, []string{j.ticket(t.PID)}, j.holder, t.Data, t.Life.Milliseconds())
		}
		return nil
	})
	j.note(ctx, opSave, err)
	if err != nil {
		j.metrics.tickets.WithLabelValues(failed).Add(float64(len(tickets)))
		return nil, err
	}
	for i, c := range commands {
		if kept, _ := c.Int(); kept == 0 { // an error would be that of all
			taken = append(taken, tickets[i].PID)
		}
	}
	j.metrics.tickets.WithLabelValues(saved).Add(float64(len(tickets) - len(taken)))
	j.metrics.tickets.WithLabelValues(refusedSave).Add(float64(len(taken)))
	return taken, nil
}

// Find implements sio.Journal. A ticket that was taken and not written since is
// with its holder, who has only just begun.
func (j *Journal) Find(ctx context.Context, pid string) ([]byte, error) {
	data, err := j.find(ctx, pid)
	if err != nil || data != nil {
		return data, err
	}
	holder, err := j.Client.HGet(ctx, j.ticket(pid), fieldHolder).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	j.letGo(ctx, parseHolder(holder), pid)
	return j.find(ctx, pid)
}

func (j *Journal) find(ctx context.Context, pid string) ([]byte, error) {
	data, err := j.Client.HGet(ctx, j.ticket(pid), fieldTicket).Bytes()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	return data, err
}

// Take implements sio.Journal. Of the time that there is, the node that holds the ticket
// gets half.
func (j *Journal) Take(ctx context.Context, pid string) (sio.Taken, error) {
	holder, err := j.Client.HGet(ctx, j.ticket(pid), fieldHolder).Result()
	if errors.Is(err, redis.Nil) {
		return sio.Taken{}, nil
	}
	if err != nil {
		return sio.Taken{}, err
	}
	j.letGo(ctx, parseHolder(holder), pid)
	got, err := j.take(ctx, pid)
	j.note(ctx, opTake, err)
	if err != nil || got.Ticket == nil {
		return sio.Taken{}, err
	}
	j.metrics.tickets.WithLabelValues(tookOver).Inc()
	got.End, err = j.Client.Get(ctx, j.last()).Result()
	if errors.Is(err, redis.Nil) {
		err = nil // it was emptied: whoever waits for the end waits in vain
	}
	return got, err
}

func (j *Journal) letGo(ctx context.Context, holder Holder, pid string) {
	patience := j.CallTimeout
	if deadline, ok := ctx.Deadline(); ok {
		patience = time.Until(deadline) / 2
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	j.LetGo(ctx, holder, pid)
}

func (j *Journal) take(ctx context.Context, pid string) (got sio.Taken, err error) {
	reply, err := j.Client.Eval(ctx, take, []string{j.ticket(pid)}, j.holder, j.MaxAge.Milliseconds()).StringSlice()
	if errors.Is(err, redis.Nil) {
		return got, nil
	}
	if err == nil && len(reply) != 3 {
		err = errors.New("what was taken makes no sense")
	}
	if err != nil {
		return got, err
	}
	got.Ticket, got.Former.Nodes = []byte(reply[0]), nodesOf(reply[1])
	got.Former.At, _ = strconv.ParseUint(reply[2], 10, 64)
	return got, nil
}

// Drop implements sio.Journal.
func (j *Journal) Drop(ctx context.Context, pids []string) error {
	_, err := j.Client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, pid := range pids {
			p.Eval(ctx, drop, []string{j.ticket(pid)}, j.holder)
		}
		return nil
	})
	j.note(ctx, opDrop, err)
	return err
}
