package relay

import (
	"context"
	"sync/atomic"
	"time"
)

// call is a request that is under way to the node that owns its session.
type call struct {
	tag string
	// cancel ends it; its cause is an outcome.
	cancel context.CancelCauseFunc
	// limit cancels it when it takes too long.
	limit *time.Timer

	// known says that its owner was known to live. A node that has just joined is
	// not, for a while.
	known atomic.Bool

	websocket bool // guarded by Relay.mu
}

// begin counts a request, which must end, and gives it a context of its own.
// It says why there can be no more.
func (r *Relay) begin(parent context.Context, tag string, upgrade bool) (*call, context.Context, outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed || r.draining && upgrade:
		return nil, nil, closing
	case len(r.calls) >= r.cfg.MaxInFlight:
		return nil, nil, tooMany
	}
	ctx, cancel := context.WithCancelCause(parent)
	c := &call{tag: tag, cancel: cancel}
	c.limit = time.AfterFunc(r.patience, func() { cancel(outcomeError{late}) })
	r.calls[c] = struct{}{}
	r.underWay.Add(1)
	r.metrics.waiting.Inc()
	return c, ctx, ""
}

func (r *Relay) end(c *call) {
	c.limit.Stop()
	c.cancel(nil)
	r.mu.Lock()
	delete(r.calls, c)
	gauge := r.metrics.waiting
	if c.websocket {
		gauge = r.metrics.websockets
	}
	r.mu.Unlock()
	gauge.Dec()
	r.underWay.Done()
}

// becomesWebSocket lets a call last.
func (r *Relay) becomesWebSocket(c *call) {
	c.limit.Stop()
	r.mu.Lock()
	c.websocket = true
	r.mu.Unlock()
	r.metrics.waiting.Dec()
	r.metrics.websockets.Inc()
}

// those are the calls that pass.
func (r *Relay) those(pass func(*call) bool) []*call {
	r.mu.Lock()
	defer r.mu.Unlock()
	var some []*call
	for c := range r.calls {
		if pass(c) {
			some = append(some, c)
		}
	}
	return some
}

func all(*call) bool { return true }

// watch cancels what is under way to nodes that have died. A node that is
// stopped, or whose network is, still has connections.
func (r *Relay) watch() {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-r.stopped:
			return
		case <-tick.C:
			for _, c := range r.those(all) {
				c.check(r.lives(c.tag))
			}
		}
	}
}

// check cancels a call whose owner was known to live, and is not any more.
func (c *call) check(lives bool) {
	switch {
	case lives:
		c.known.Store(true)
	case c.known.Load():
		c.cancel(outcomeError{ownerGone})
	}
}

// watchEvery is how often watch looks.
const watchEvery = time.Second
