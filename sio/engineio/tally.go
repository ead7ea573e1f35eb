package engineio

import (
	"context"
	"sync/atomic"
)

// Tally counts what became of the copies of a frame. A nil Tally counts
// nothing.
type Tally struct {
	copies                    int64
	written, dropped, expired atomic.Int64

	left atomic.Int64
	done chan struct{} // closed when nothing is left
}

// NewTally expects so many copies, at least one.
func NewTally(copies int) *Tally {
	t := &Tally{copies: int64(copies), done: make(chan struct{})}
	t.left.Store(int64(copies))
	return t
}

// Outcome says how many copies of a frame were handed to the kernel, given
// up, given up for their age, and how many are undecided.
type Outcome struct {
	Written, Dropped, Expired, Pending int64
}

// Wait returns the outcome once all copies are decided or ctx ends.
func (t *Tally) Wait(ctx context.Context) Outcome {
	select {
	case <-t.done:
	case <-ctx.Done():
	}
	o := Outcome{Written: t.written.Load(), Dropped: t.dropped.Load(), Expired: t.expired.Load()}
	o.Pending = t.copies - o.Written - o.Dropped - o.Expired
	return o
}

func (t *Tally) write() {
	if t != nil {
		t.count(&t.written)
	}
}

func (t *Tally) drop() {
	if t != nil {
		t.count(&t.dropped)
	}
}

func (t *Tally) expire() {
	if t != nil {
		t.count(&t.expired)
	}
}

func (t *Tally) count(outcome *atomic.Int64) {
	outcome.Add(1)
	if t.left.Add(-1) == 0 {
		close(t.done)
	}
}
