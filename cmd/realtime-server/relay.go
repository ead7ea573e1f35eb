package main

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed52a35d2d/realtime-server/internal/relay"
)

// makeRelay lets this node bring requests to those that have their sessions.
func (p *parts) makeRelay(cfg *Config, log *slog.Logger, reg prometheus.Registerer) error {
	if !cfg.Relay.Enabled {
		return nil
	}
	engine := cfg.SocketIO.Engine
	var err error
	p.relay, err = relay.New(relay.Params{
		Config:   cfg.Relay,
		Find:     p.findNode,
		Lives:    p.lives,
		Patience: engine.PingInterval + engine.PingTimeout,
		Log:      log,
		Metrics:  reg,
	})
	return within("relay", err)
}

// elsewhere is engineio.Config.Elsewhere.
func (p *parts) elsewhere(w http.ResponseWriter, r *http.Request, tag string) bool {
	return p.relay != nil && p.relay.Serve(w, r, tag)
}

// findNode says where the node with a tag is reached. A node of a version that
// does not say so cannot be.
func (p *parts) findNode(ctx context.Context, tag string) (address string, ok bool) {
	node, ok := p.registry.Find(ctx, tag)
	return node.Address, ok && node.Address != ""
}

func (p *parts) lives(tag string) bool {
	_, ok := p.registry.NodeByTag(tag)
	return ok
}

// sendAway ends the connections of all clients over a window, those that only
// come by here included.
func (p *parts) sendAway(ctx context.Context, window time.Duration) {
	var relayed sync.WaitGroup
	if p.relay != nil {
		relayed.Go(func() { p.relay.Drain(ctx, window) })
	}
	p.sockets.Drain(ctx, window)
	relayed.Wait()
}
