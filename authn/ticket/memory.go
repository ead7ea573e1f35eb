package ticket

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// The bounds of a Memory.
const (
	MaxHeld      = 100_000
	MaxHeldBytes = 64 << 20
)

// Memory is the store of a server that is alone. What is over is forgotten with
// the next call, whichever it is.
type Memory struct {
	mu    sync.Mutex
	by    map[string]*held
	ends  ends
	bytes int
}

// held is a value in a Memory; guarded by its mu.
type held struct {
	key   string
	value []byte
	end   time.Time
	index int // in ends
}

func (h *held) size() int { return len(h.key) + len(h.value) }

// NewMemory returns a store with nothing in it.
func NewMemory() *Memory { return &Memory{by: map[string]*held{}} }

// Put keeps a value, unless there are MaxHeld, or they would take more than
// MaxHeldBytes.
func (m *Memory) Put(_ context.Context, key string, value []byte, life time.Duration) error {
	now := time.Now()
	h := &held{key: key, value: value, end: now.Add(life)}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forget(now)
	if len(m.by) >= MaxHeld || m.bytes+h.size() > MaxHeldBytes {
		return ErrFull
	}
	m.by[key] = h
	m.bytes += h.size()
	heap.Push(&m.ends, h)
	return nil
}

// Take returns a value and forgets it.
func (m *Memory) Take(_ context.Context, key string) ([]byte, error) {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forget(now)
	h, found := m.by[key]
	if !found {
		return nil, nil
	}
	heap.Remove(&m.ends, h.index)
	m.drop(h)
	return h.value, nil
}

// forget drops what is over. The caller holds mu.
func (m *Memory) forget(now time.Time) {
	for len(m.ends) > 0 && !m.ends[0].end.After(now) {
		h, _ := heap.Pop(&m.ends).(*held) // nothing else is pushed
		m.drop(h)
	}
}

func (m *Memory) drop(h *held) {
	delete(m.by, h.key)
	m.bytes -= h.size()
}

// ends is a heap, the earliest first.
type ends []*held

// Len is for container/heap, as are those below.
func (e *ends) Len() int { return len(*e) }

// Less puts what ends earlier first.
func (e *ends) Less(i, j int) bool { return (*e)[i].end.Before((*e)[j].end) }

// Swap keeps the index of both.
func (e *ends) Swap(i, j int) {
	all := *e
	all[i], all[j] = all[j], all[i]
	all[i].index, all[j].index = i, j
}

// Push adds at the end.
func (e *ends) Push(x any) {
	h, _ := x.(*held) // nothing else is pushed
	h.index = len(*e)
	*e = append(*e, h)
}

// Pop takes from the end.
func (e *ends) Pop() any {
	last := (*e)[len(*e)-1]
	(*e)[len(*e)-1] = nil
	*e = (*e)[:len(*e)-1]
	return last
}
