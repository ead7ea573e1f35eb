package main

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// drain is the end of this process for clients, or as much of it as has come: an
// operator asks for it (POST /drain), the end of the process does, or another
// process has the node id. Each step is made once; who comes later waits for it.
type drain struct {
	window time.Duration
	began  time.Time       // before the first step ends, whose Once guards it
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

// Who asks for a drain, in the log.
const (
	askedByOperator  = "POST /drain"
	askedBySuccessor = "another process with this node_id"
	askedByFailure   = "a listener that failed"
)

// sendAway lets no more clients in and closes the connections of all, spread over
// the window. Load balancers and backends are told first. by is who asks.
func (d *drain) sendAway(p *parts, by string) {
	d.away.Do(func() {
		d.began = time.Now()
		p.log.LogAttrs(d.ctx, slog.LevelInfo, "draining", slog.String("asked_by", by),
			slog.Int("clients", p.sockets.Sessions()), slog.Duration("window", d.window))
		p.ready.leave("draining")
		p.health.Shutdown()
		p.sendWorkersAway()
		p.sendAway(d.ctx, d.window)
	})
}

// finish returns when backends know the end of every connection, and other nodes
// that nothing is left of this one.
func (d *drain) finish(p *parts) {
	d.gone.Do(func() {
		p.sockets.Close(d.ctx)
		p.closeAttach(d.ctx)
		p.leaveRegistry(d.ctx)
		p.log.LogAttrs(d.ctx, slog.LevelInfo, "drained", slog.Duration("took", time.Since(d.began).Round(time.Millisecond)),
			slog.Bool("in_time", d.ctx.Err() == nil))
	})
}

// begin makes both steps while the caller goes on.
func (d *drain) begin(p *parts, by string) {
	d.begun.Go(func() {
		d.sendAway(p, by)
		d.finish(p)
	})
}

// handler answers when this process has no clients any more, which it then waits
// without, for its end. That the one who asks may not wait changes nothing.
func (d *drain) handler(p *parts) http.Handler {
	// A page in an operator's browser must not be able to ask for it.
	return http.NewCrossOriginProtection().Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		d.sendAway(p, askedByOperator)
		d.finish(p)
		answer(w, "drained\n")
	}))
}
