package main

import (
	"context"
	"log/slog"
	"maps"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed52a35d2d/realtime-server/service/attach"
	"github.com/seed52a35d2d/realtime-server/service/cluster"
)

// attachGroups are the groups that the configuration names.
func (c *Config) attachGroups() []string {
	groups := map[string]bool{}
	for _, n := range c.Namespaces {
		if to := c.backendOf(n); to != nil && to.Attach != "" {
			groups[to.Attach] = true
		}
	}
	for _, to := range c.Backends {
		if to != nil && to.Attach != "" {
			groups[to.Attach] = true
		}
	}
	return slices.Sorted(maps.Keys(groups))
}

// buildAttach makes what backends attach to. It is nil if none does.
func buildAttach(cfg *Config, nodeID string, log *slog.Logger, reg prometheus.Registerer) *attach.Hub {
	groups := cfg.attachGroups()
	if len(groups) == 0 {
		return nil
	}
	return attach.New(attach.Params{
		Groups: groups, NodeID: nodeID, MaxMessage: cfg.GRPC.MaxMessage, Log: log, Metrics: reg,
	})
}

// letAttach lets backends attach to the API.
func (p *parts) letAttach() {
	if p.attach != nil {
		p.api.SetAttacher(p.attach)
	}
}

// attached is who hears what other nodes say about backends that dial out.
func (p *parts) attached() cluster.Attached {
	if p.attach == nil {
		return nil
	}
	return p.attach
}

// startAttach begins to look after workers. Peers are the other nodes, nil without
// any.
func (p *parts) startAttach(peers attach.Peers) {
	if p.attach != nil {
		p.attach.Start(peers)
	}
}

// sendWorkersAway makes backends attach to other nodes as well, so that clients
// find them there.
func (p *parts) sendWorkersAway() {
	if p.attach != nil {
		p.attach.Leave()
	}
}

// closeAttach ends the streams of backends, once they know of every connection.
func (p *parts) closeAttach(ctx context.Context) {
	if p.attach != nil {
		p.attach.Close(ctx)
	}
}
