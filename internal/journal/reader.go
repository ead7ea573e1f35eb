package journal

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/seed52a35d2d/realtime-server/sio"
)

const (
	// pageSize is how many entries are read at once.
	pageSize = 64
	// block is how long Redis waits for the next entry before it says that there
	// is none.
	block = time.Second
	// pause is how long the reader waits after a failure, and up to twice that.
	pause = 100 * time.Millisecond
)

// run reads until ctx ends, over whatever happens to Redis.
func (j *Journal) run(ctx context.Context) {
	var p progress
	for ctx.Err() == nil {
		err := j.follow(ctx, &p)
		j.following.Store(false)
		if ctx.Err() == nil {
			j.note(ctx, opRead, err)
		}
		j.metrics.following.Set(0)
		wait := time.NewTimer(pause + rand.N(pause)) //nolint:gosec // only spreads the load
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
		}
	}
}

// progress is how far the reader is.
type progress struct {
	begun   bool
	end     string // what was there when it began
	present bool   // that was told
}

// follow reads entries as they come, and returns the first failure.
func (j *Journal) follow(ctx context.Context, p *progress) error {
	if !p.begun {
		if err := j.begin(ctx, p); err != nil {
			return err
		}
	}
	for {
		wait := block
		if !j.following.Load() {
			wait = -1 // there may be nothing, and Redis may be there nevertheless
		}
		entries, err := j.read(ctx, wait)
		if err != nil {
			return err
		}
		j.tell(entries)
		if !p.present && (len(entries) == 0 || !before(*j.position.Load(), p.end)) {
			p.present = true
			j.Listener.Present()
		}
		if p.present && len(entries) < pageSize && !j.following.Swap(true) {
			j.metrics.following.Set(1)
			j.note(ctx, opRead, nil)
		}
	}
}

// read returns the next entries. If there are none, it waits, unless wait is
// negative.
func (j *Journal) read(ctx context.Context, wait time.Duration) ([]redis.XMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, max(wait, 0)+j.CallTimeout)
	defer cancel()
	position := *j.position.Load()
	if position == "" {
		position = "0-0"
	}
	streams, err := j.Client.XRead(ctx, &redis.XReadArgs{Streams: []string{j.events(), position}, Count: pageSize, Block: wait}).Result()
	if errors.Is(err, redis.Nil) || err == nil && len(streams) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("XREAD of %s: %w", j.events(), err)
	}
	return streams[0].Messages, nil
}

// tell has the listener hear of entries.
func (j *Journal) tell(entries []redis.XMessage) {
	for _, m := range entries {
		before, _ := m.Values[fieldBefore].(string) // what others have put there means nothing
		data, _ := m.Values[fieldData].(string)
		j.position.Store(&m.ID)
		j.metrics.entries.Inc()
		j.Listener.Hear(sio.Entry{ID: m.ID, Before: before, Data: []byte(data)})
	}
}

// begin says where the listener begins to hear: of what was there already it
// hears as much as clients may have missed.
func (j *Journal) begin(ctx context.Context, p *progress) error {
	end, now, err := j.end(ctx)
	if err != nil {
		return err
	}
	from, err := j.firstSince(ctx, now, end)
	if err != nil {
		return err
	}
	j.position.Store(&from)
	j.Listener.Begin(from, now)
	p.begun, p.end = true, end
	return nil
}

// end returns the id of the last entry, and the time of Redis. If there was never
// an entry, it makes one, so that every place in the journal has an id.
func (j *Journal) end(ctx context.Context) (id string, now time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, j.CallTimeout)
	defer cancel()
	if now, err = j.Client.Time(ctx).Result(); err != nil {
		return "", now, fmt.Errorf("TIME: %w", err)
	}
	id, err = j.Client.Get(ctx, j.last()).Result()
	if errors.Is(err, redis.Nil) {
		if id, err = j.append(ctx, nil); err != nil {
			err = fmt.Errorf("EVALSHA of %s: %w", j.events(), err)
		}
	} else if err != nil {
		err = fmt.Errorf("GET of %s: %w", j.last(), err)
	}
	return id, now, err
}

// firstSince is the entry behind which those begin that are young enough.
func (j *Journal) firstSince(ctx context.Context, now time.Time, end string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, j.CallTimeout)
	defer cancel()
	oldest := strconv.FormatInt(now.Add(-j.MaxAge).UnixMilli(), 10)
	first, err := j.Client.XRangeN(ctx, j.events(), oldest, "+", 1).Result()
	if err != nil {
		return "", fmt.Errorf("XRANGE of %s: %w", j.events(), err)
	}
	if len(first) == 0 {
		return end, nil
	}
	from, _ := first[0].Values[fieldBefore].(string)
	return from, nil
}

// before compares ids of Redis.
func before(a, b string) bool {
	x, y := parse(a), parse(b)
	return x[0] < y[0] || x[0] == y[0] && x[1] < y[1]
}
