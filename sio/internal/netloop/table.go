//go:build linux

package netloop

import (
	"sync"

	"golang.org/x/sys/unix"
)

// key says which connection an event is for. The kernel keeps it. Descriptors
// would not do: they are used again as soon as they are closed, when events
// of the old connection may still be on their way.
type key struct{ slot, generation int32 }

func keyOf(event unix.EpollEvent) key { return key{event.Fd, event.Pad} }

func (k key) event(events uint32) *unix.EpollEvent {
	return &unix.EpollEvent{Events: events, Fd: k.slot, Pad: k.generation}
}

// table holds the connections of a loop. Slots are used again, with another
// generation.
type table struct {
	mu    sync.Mutex
	slots []slot
	free  []int32
}

type slot struct {
	conn       *conn
	generation int32
}

func (t *table) add(c *conn) key {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.free) == 0 {
		t.slots = append(t.slots, slot{conn: c})
		return key{int32(len(t.slots) - 1), 0}
	}
	i := t.free[len(t.free)-1]
	t.free = t.free[:len(t.free)-1]
	t.slots[i].conn = c
	return key{i, t.slots[i].generation}
}

func (t *table) remove(k key) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.slots[k.slot].conn = nil
	t.slots[k.slot].generation++
	t.free = append(t.free, k.slot)
}

// find returns nil for a connection that has left.
func (t *table) find(k key) *conn {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.slots[k.slot]; s.generation == k.generation {
		return s.conn
	}
	return nil
}
