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
		Hooks:   registry.Hooks{Renamed: func() { p.cluster.Renamed() }},
		Log:     log,
		Metrics: reg,
	})
	return err
}

// lastWord is how long it may take to tell Redis that this node ends, whatever
// time the end has left.
const lastWord = time.Second

// leaveRegistry ends this node's place, once its connections have ended and
// backends know it.
func (p *parts) leaveRegistry(ctx context.Context) {
	if p.registry == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWord)
	defer cancel()
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
