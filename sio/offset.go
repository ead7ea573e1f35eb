package sio

import (
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// offset is an event's place among all recorded events of a process: its
// milliseconds since 1970 above sequenceBits, and a number within them below.
// Zero is before all events.
type offset uint64

// sequenceBits leave room for a million events in a millisecond, before the
// next one is borrowed from, and for milliseconds until the year 2527.
const sequenceBits = 20

// String is the form of an id in a Redis stream, `<milliseconds>-<sequence>`.
func (o offset) String() string { return string(o.append(nil)) }

func (o offset) append(dst []byte) []byte {
	dst = strconv.AppendUint(dst, uint64(o>>sequenceBits), 10)
	dst = append(dst, '-')
	return strconv.AppendUint(dst, uint64(o&(1<<sequenceBits-1)), 10)
}

// parseOffset reads what String has written, and nothing else.
func parseOffset(text string) (offset, bool) {
	before, after, _ := strings.Cut(text, "-")
	milliseconds, err := strconv.ParseUint(before, 10, 64-sequenceBits)
	if err != nil {
		return 0, false
	}
	sequence, err := strconv.ParseUint(after, 10, sequenceBits)
	if err != nil {
		return 0, false
	}
	o := offset(milliseconds<<sequenceBits | sequence)
	return o, o.String() == text // no leading zeros, no signs
}

// offsets gives out offsets that grow, whatever becomes of the wall clock.
type offsets struct {
	start time.Time // immutable, with its monotonic reading
	last  atomic.Uint64
	ahead atomic.Int64 // by how much another clock counts, in nanoseconds
}

func newOffsets() *offsets { return &offsets{start: time.Now()} }

// next is greater than every one before.
func (c *offsets) next() offset {
	for {
		last := c.last.Load()
		next := max(last+1, uint64(c.now()))
		if c.last.CompareAndSwap(last, next) {
			return offset(next)
		}
	}
}

// now is the smallest offset of this millisecond.
func (c *offsets) now() offset { return c.at(time.Since(c.start)) }

// ago is the smallest offset of the millisecond a while before this one.
func (c *offsets) ago(d time.Duration) offset { return c.at(time.Since(c.start) - d) }

func (c *offsets) at(d time.Duration) offset {
	return offset(c.start.Add(d+time.Duration(c.ahead.Load())).UnixMilli()) << sequenceBits
}

// set makes another clock count, whose time is known now.
func (c *offsets) set(now time.Time) {
	c.ahead.Store(int64(now.Sub(c.start.Add(time.Since(c.start)))))
}
