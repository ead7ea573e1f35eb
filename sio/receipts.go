package sio

import (
	"context"
	"sync"
)

// maxReceipts is of how many events a server remembers what it has done with
// them, for those who ask.
const maxReceipts = 4096

// receipts are what a server has done with the last entries of a journal.
type receipts struct {
	mu    sync.Mutex // stands alone
	kept  map[offset]*Delivery
	order []offset // of those, oldest first
	last  offset
	waits map[offset]chan struct{}
}

func (r *receipts) put(at offset, d *Delivery) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.kept == nil {
		r.kept, r.waits = map[offset]*Delivery{}, map[offset]chan struct{}{}
	}
	if len(r.order) >= maxReceipts {
		delete(r.kept, r.order[0])
		r.order = r.order[1:]
	}
	r.kept[at], r.last = d, at
	r.order = append(r.order, at)
	if ready := r.waits[at]; ready != nil {
		close(ready)
		delete(r.waits, at)
	}
}

// wait returns nil if ctx ends before the entry was heard, or if it was heard
// too long ago.
func (r *receipts) wait(ctx context.Context, at offset) *Delivery {
	d, ready := r.find(at)
	if ready == nil {
		return d
	}
	select {
	case <-ready:
	case <-ctx.Done():
		r.forget(at)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.kept[at]
}

// find returns what is known of an entry, or what to wait for.
func (r *receipts) find(at offset) (*Delivery, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if at <= r.last {
		return r.kept[at], nil
	}
	if r.waits == nil {
		r.kept, r.waits = map[offset]*Delivery{}, map[offset]chan struct{}{}
	}
	if r.waits[at] == nil {
		r.waits[at] = make(chan struct{})
	}
	return nil, r.waits[at]
}

// forget wakes all who wait for an entry: it does not come.
func (r *receipts) forget(at offset) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if ready := r.waits[at]; ready != nil {
		close(ready)
		delete(r.waits, at)
	}
}
