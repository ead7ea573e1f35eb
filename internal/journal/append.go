package journal

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/redis/go-redis/v9"

	"github.com/seed52a35d2d/realtime-server/sio"
)

// The fields of an entry.
const (
	fieldBefore = "b" // the id of the entry before it
	fieldData   = "d"
)

// add adds an entry, which names the one before it. ARGV: data, MAXLEN, age in
// milliseconds, an id that the caller knows.
//
// Ids must grow for everybody who has seen one, even if Redis has lost its last
// entries in a failover, or all of them: then the new id is one second ahead of
// what the caller knows, for those who know a little more. In one millisecond
// there are at most as many ids as package sio can tell apart. What may fail
// comes before the entry is added: an error says that there is none.
var add = redis.NewScript(`
local function parts(id)
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms) or 0, tonumber(seq) or 0
end
local last = redis.call('GET', KEYS[2]) or ''
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ms, seq = parts(last)
local known, knownseq = parts(ARGV[4])
local id = '*'
if known > ms or known == ms and knownseq > seq then
  id = string.format('%.0f-0', math.max(now, known) + 1000)
elseif seq >= 1000000 then
  id = string.format('%.0f-0', math.max(now, ms + 1))
end
redis.call('XTRIM', KEYS[1], 'MINID', '~', string.format('%.0f', now - ARGV[3]))
id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], id, 'b', last, 'd', ARGV[1])
redis.call('SET', KEYS[2], id)
return id
`)

// Append implements sio.Journal. While this node does not hear of entries,
// nothing is added: its own clients would not get it.
func (j *Journal) Append(ctx context.Context, entry []byte) (id string, err error) {
	if j.following.Load() {
		id, err = j.append(ctx, entry)
		if ctx.Err() == nil { // or the caller has had no more time
			j.note(ctx, opAdd, err)
		}
	} else {
		err = sio.ErrJournalAway
	}
	switch {
	case err == nil:
		j.metrics.appends.WithLabelValues(added).Inc()
	case errors.Is(err, sio.ErrJournalAway):
		j.metrics.appends.WithLabelValues(away).Inc()
	default:
		j.metrics.appends.WithLabelValues(uncertain).Inc()
	}
	return id, err
}

func (j *Journal) append(ctx context.Context, entry []byte) (string, error) {
	id, err := add.Run(ctx, j.Client, []string{j.events(), j.last()},
		entry, j.MaxEntries, j.MaxAge.Milliseconds(), *j.position.Load()).Text()
	if err != nil && refused(err) {
		return "", fmt.Errorf("%w: %w", sio.ErrJournalAway, err)
	}
	return id, err
}

// refused reports whether an error says that Redis has done nothing: there was no
// connection, or an answer.
func refused(err error) bool {
	if _, answered := errors.AsType[redis.Error](err); answered {
		return true
	}
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial" || errors.Is(err, redis.ErrPoolTimeout) || errors.Is(err, redis.ErrClosed)
}
