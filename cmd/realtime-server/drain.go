package main

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// drain is the end of this process for clients, or as much of it as has come: an
// operator asks for it (POST /drain), the end of the process does, or another
// process has the node id. Each step is made once; who comes later waits for it.
type drain struct {
	window time.Duration
	ctx    context.Context //nolint:containedctx // of both steps; hurry ends it
	hurry  context.CancelFunc

	away, gone sync.Once
	// begun are those that nobody waits for, until the end of the process.
	begun sync.WaitGroup
}

func newDrain(window time.Duration) *drain {
	d := &drain{window: window}
	d.ctx, d.hurry = context.WithCancel(context.Background())
	return d
}

// sendAway lets no more clients in and closes the connections of all, spread over
// the window. Load balancers and backends are told first.
func (d *drain) sendAway(p *parts) {
	d.away.Do(func() {
		p.ready.leave("draining")
		p.health.Shutdown()
		p.sendAway(d.ctx, d.window)
	})
}

// finish returns when backends know the end of every connection, and other nodes
// that nothing is left of this one.
func (d *drain) finish(p *parts) {
	d.gone.Do(func() {
		p.sockets.Close(d.ctx)
		p.leaveRegistry(d.ctx)
	})
}

// begin makes both steps while the caller goes on.
func (d *drain) begin(p *parts) {
	d.begun.Go(func() {
		d.sendAway(p)
		d.finish(p)
	})
}

// handler answers when this process has no clients any more, which it then waits
// without, for its end. That the one who asks may not wait changes nothing.
func (d *drain) handler(p *parts) http.Handler {
	// A page in an operator's browser must not be able to ask for it.
	return http.NewCrossOriginProtection().Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		d.sendAway(p)
		d.finish(p)
		answer(w, "drained\n")
	}))
}
