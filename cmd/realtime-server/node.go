package main

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed52a35d2d/realtime-server/internal/redisbus"
	"github.com/seed52a35d2d/realtime-server/internal/registry"
)

// Redis says how several servers are one.
type Redis struct {
	redisbus.Config `yaml:",inline"`
	// Registry says when a node counts as dead.
	Registry registry.Config `yaml:",inline"`
}

func defaultRedis() Redis {
	return Redis{redisbus.DefaultConfig(), registry.DefaultConfig()}
}

// Validate reports everything that is wrong with r.
func (r Redis) Validate() error {
	return errors.Join(r.Config.Validate(), r.Registry.Validate())
}

// makeRegistry gives this node its place among the others, which Start takes as
// soon as Redis lets it.
func (p *parts) makeRegistry(cfg *Config, id string, log *slog.Logger, reg prometheus.Registerer) error {
	places := cfg.Redis.Registry
	places.Prefix = cfg.Redis.Prefix
	var err error
	p.registry, err = registry.New(registry.Params{
		Client:  p.bus.Client(),
		Config:  places,
		ID:      id,
		Version: version(),
		Address: cfg.HTTP.url(),
		Settings: map[string]string{
			"socketio.recovery.store": cfg.recoveryStore(),
			"bridge.dialect":          cfg.Bridge.Dialect,
		},
		Hooks: registry.Hooks{
			Load: func() registry.Load {
				return registry.Load{Connections: p.registry.Records(), Sessions: p.sockets.Sessions()}
			},
			Renamed: func() { p.cluster.Renamed() },
			Over:    p.over,
			Dead:    p.gateway.Lost,
		},
		Log:     log,
		Metrics: reg,
	})
	if err == nil {
		p.gateway.SetRegistry(p.registry)
	}
	return err
}

// over ends what others have told of: they took this node for dead, since it was
// silent for longer than its lease. Clients come back, here or elsewhere, and the
// node goes on under a new generation.
//
// If it was a process with the same node id, then this one gives up. Were both
// to insist, each would throw the other's clients out for ever, and so they would
// if this process ended and a supervisor started it anew. It stays, not ready and
// without clients, until an operator sees to it.
func (p *parts) over(ctx context.Context, e registry.Ending) (rejoin bool) {
	if e.Reason == registry.Forgotten {
		return true
	}
	superseded := e.Reason == registry.Superseded
	if superseded {
		p.ready.leave("another process has the same node_id")
	}
	p.log.LogAttrs(ctx, slog.LevelWarn, "others tell that the connections of this node have ended, closing all",
		slog.Int("connections", p.registry.Surrender()), slog.String("reason", e.Reason.String()))
	p.sockets.Fence()
	if superseded {
		p.log.LogAttrs(ctx, slog.LevelError, "another process has the same node_id, this one takes no more clients",
			slog.String("node", p.registry.Self().ID))
		p.drain.begin(p, askedBySuccessor)
	}
	return !superseded
}

// lastWord is how long it may take to tell Redis that this node ends, whatever
// time the end has left.
const lastWord = time.Second

// leaveRegistry ends this node's place, once its connections have ended and
// backends know it. What they could not be told stays in Redis, and the lease ends
// by itself.
func (p *parts) leaveRegistry(ctx context.Context) {
	if p.registry == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWord)
	defer cancel()
	if untold := p.registry.Records(); untold > 0 {
		p.log.LogAttrs(ctx, slog.LevelWarn, "backends were not told of the end of all connections, others will tell them",
			slog.Int("connections", untold))
		_ = p.registry.Flush(ctx) // who was told may be told again otherwise
		_ = p.registry.Close()    // waits, and never fails
		return
	}
	if err := p.registry.Leave(ctx); err != nil {
		p.log.LogAttrs(ctx, slog.LevelWarn, "cannot leave the registry", slog.Any("error", err))
	}
}

// tag begins the ids of this node.
func (p *parts) tag() string { return p.registry.Tag() }

// generation is what backends are told: that of the registry, or, without Redis
// and as long as it has not answered, when the process began.
func (p *parts) generation() int64 {
	if p.registry != nil {
		if generation := p.registry.Generation(); generation != 0 {
			return int64(generation) //nolint:gosec // a time in ms
		}
	}
	return p.started.UnixMilli()
}

// newLife is a number that no other process has, and greater than those of
// processes that began before. It is no generation of the registry: those may
// change while messages are on their way, and a node has to know its own.
func newLife() int64 {
	const bits = 20
	return time.Now().UnixMilli()<<bits | rand.Int64N(1<<bits) //nolint:gosec // it is no secret
}
