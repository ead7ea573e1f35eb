package backend

import (
	"container/list"
	"context"
	"errors"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// Lane is where a call waits for its place. Calls of one lane go in the order
// in which they came; of several lanes in which calls wait, each has its turn.
// So a storm of one kind never keeps the others from the backend, and each gets
// at least a quarter of what the backend can do.
type Lane int

const (
	// Newcomers are clients that nobody knows yet. There may be any number of them,
	// and they come again; so this lane alone is short, and sheds.
	Newcomers Lane = iota
	// Arrivals tell of clients that were let in. There are as many as newcomers
	// that were accepted, so in a storm they must not stand before residents.
	Arrivals
	// Residents are clients that emit events, or refresh their credential. Each has
	// one call at a time and is not read meanwhile, so there are no more of them than
	// connections.
	Residents
	// Partings tell of connections that have ended.
	Partings

	lanes // how many there are
)

// String is the label of the metrics.
func (l Lane) String() string {
	return [lanes]string{"newcomers", "arrivals", "residents", "partings"}[l]
}

// errQueueFull is why a newcomer was not taken.
var errQueueFull = errors.New("queue full")

// places are the calls that may run at once.
type places struct {
	maxQueue int
	gauges   [lanes]prometheus.Gauge

	mu      sync.Mutex // stands alone
	free    int
	waiting [lanes]list.List // of chan struct{}, closed when the place is theirs
	turn    Lane             // the lane that is looked at first
}

func newPlaces(l Limits, gauges [lanes]prometheus.Gauge) *places {
	return &places{maxQueue: l.MaxQueue, gauges: gauges, free: l.MaxInFlight}
}

// take waits for a place, which must be given back. The error is errQueueFull
// or that of ctx.
func (p *places) take(ctx context.Context, lane Lane) error {
	p.mu.Lock()
	if p.free > 0 {
		p.free--
		p.mu.Unlock()
		return nil
	}
	queue := &p.waiting[lane]
	if lane == Newcomers && queue.Len() >= p.maxQueue {
		p.mu.Unlock()
		return errQueueFull
	}
	ours := make(chan struct{})
	at := queue.PushBack(ours)
	p.mu.Unlock()
	p.gauges[lane].Inc()
	defer p.gauges[lane].Dec()
	select {
	case <-ours:
		return nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-ours: // just now: a call that has its place finds out by itself that it is late
		return nil
	default:
		queue.Remove(at)
		return ctx.Err()
	}
}

// give hands a place to who waits for it.
func (p *places) give() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for range lanes {
		queue := &p.waiting[p.turn]
		p.turn = (p.turn + 1) % lanes
		if first := queue.Front(); first != nil {
			close(queue.Remove(first).(chan struct{})) //nolint:errcheck,forcetypeassert // take puts nothing else there
			return
		}
	}
	p.free++
}
