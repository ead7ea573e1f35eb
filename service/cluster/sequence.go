package cluster

import (
	"container/list"
	"math/bits"
	"sync"
)

// maxChannels is how many channels are kept in mind, for sending and for each
// that is heard: of those that were used longest ago nothing is known.
const maxChannels = 100_000

// counters number messages by channel.
type counters struct {
	mu   sync.Mutex // stands alone
	last map[string]uint64
}

// next is the number of the next message on a channel. Where there are too many
// channels, all begin anew: receivers take a smaller number for that.
func (c *counters) next(channel string) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last == nil || len(c.last) >= maxChannels && c.last[channel] == 0 {
		c.last = map[string]uint64{}
	}
	c.last[channel]++
	return c.last[channel]
}

// sender is whose messages are numbered together.
type sender struct {
	tag        string
	generation int64
	channel    string
}

// sequences finds out which messages were missed.
type sequences struct {
	metrics *metrics

	mu      sync.Mutex // stands alone
	windows map[sender]*list.Element
	order   list.List // of *window, last heard first
}

// window is the 64 numbers up to the last one of a sender: bit n says that
// last-n has come. Messages of several goroutines may overtake each other, so a
// number is missed only when it has left the window.
type window struct {
	sender sender
	last   uint64
	came   uint64
}

// note takes the number of a message. The first of a sender says nothing about
// those before it: this node may just have begun to listen.
func (s *sequences) note(from sender, number uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, known := s.windows[from]; known {
		s.order.MoveToFront(at)
		w := at.Value.(*window) //nolint:errcheck // the list holds nothing else
		s.metrics.missed.Add(float64(w.note(number)))
		return
	}
	if s.windows == nil {
		s.windows = map[sender]*list.Element{}
	}
	s.windows[from] = s.order.PushFront(&window{from, number, ^uint64(0)})
	if s.order.Len() > maxChannels {
		oldest := s.order.Remove(s.order.Back()).(*window) //nolint:errcheck // likewise
		delete(s.windows, oldest.sender)
	}
}

// note returns how many numbers are missed for good.
func (w *window) note(number uint64) (missed int) {
	switch {
	case number+64 <= w.last: // the sender counts anew
		w.last, w.came = number, ^uint64(0)
		return 0
	case number <= w.last:
		w.came |= 1 << (w.last - number)
		return 0
	}
	leaving := number - w.last // so many leave the window
	if over := int(leaving) - 64; over > 0 {
		missed, leaving = over, 64 // and so many have never been in it
	}
	missed += int(leaving) - bits.OnesCount64(w.came>>(64-leaving))
	w.came <<= leaving
	w.came |= 1
	w.last = number
	return missed
}
