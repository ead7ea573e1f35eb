package service

import (
	"container/heap"
	"sync"
	"time"
)

// expiry ends connections when their credentials do. One goroutine sleeps
// until the earliest of all ends.
type expiry struct {
	mu    sync.Mutex
	due   deadlines
	by    map[any]*deadline // whose they are: one connection may have the id of another
	wake  chan struct{}     // the earliest end may have changed; holds one signal
	stop  chan struct{}
	ended chan struct{}
}

// deadline is when one connection ends, and how.
type deadline struct {
	of    any
	at    time.Time
	end   func()
	index int // in the heap
}

func newExpiry() *expiry {
	x := &expiry{
		by:    map[any]*deadline{},
		wake:  make(chan struct{}, 1),
		stop:  make(chan struct{}),
		ended: make(chan struct{}),
	}
	go x.run()
	return x
}

// close returns when the goroutine has ended.
func (x *expiry) close() {
	close(x.stop)
	<-x.ended
}

// add has end called at a time, unless remove or another add comes first. An
// end that is being called already is up to the caller.
func (x *expiry) add(of any, at time.Time, end func()) {
	d := &deadline{of: of, at: at, end: end}
	x.mu.Lock()
	if old, ok := x.by[of]; ok {
		heap.Remove(&x.due, old.index)
	}
	x.by[of] = d
	heap.Push(&x.due, d)
	first := d.index == 0
	x.mu.Unlock()
	if first {
		select {
		case x.wake <- struct{}{}:
		default:
		}
	}
}

func (x *expiry) remove(of any) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if d, ok := x.by[of]; ok {
		delete(x.by, of)
		heap.Remove(&x.due, d.index)
	}
}

func (x *expiry) run() {
	defer close(x.ended)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-x.stop:
			return
		case <-x.wake:
		case <-timer.C:
		}
		past, wait := x.pop(time.Now())
		for _, d := range past {
			d.end()
		}
		if wait > 0 {
			timer.Reset(wait)
		}
	}
}

// pop takes out what has ended, and says how long until the next end; 0 if
// there is none.
func (x *expiry) pop(now time.Time) (past []*deadline, wait time.Duration) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for len(x.due) > 0 {
		next := x.due[0]
		if wait := next.at.Sub(now); wait > 0 {
			return past, wait
		}
		heap.Pop(&x.due)
		delete(x.by, next.of)
		past = append(past, next)
	}
	return past, 0
}

// deadlines is a heap with the earliest on top.
type deadlines []*deadline

func (h *deadlines) Len() int { return len(*h) }

func (h *deadlines) Less(i, j int) bool { return (*h)[i].at.Before((*h)[j].at) }

func (h *deadlines) Swap(i, j int) {
	all := *h
	all[i], all[j] = all[j], all[i]
	all[i].index, all[j].index = i, j
}

// Push is for package heap.
func (h *deadlines) Push(x any) {
	d := x.(*deadline) //nolint:errcheck // the heap holds nothing else
	d.index = len(*h)
	*h = append(*h, d)
}

// Pop is for package heap.
func (h *deadlines) Pop() any {
	last := len(*h) - 1
	d := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return d
}
