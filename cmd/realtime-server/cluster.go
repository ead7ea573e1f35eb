package main

import (
	"cmp"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed52a35d2d/realtime-server/internal/redisbus"
	"github.com/seed52a35d2d/realtime-server/service/cluster"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// joinCluster makes the server one of several, if there is a Redis.
func (p *parts) joinCluster(cfg *Config, id string, interest *sio.Interest, log *slog.Logger, reg prometheus.Registerer) error {
	if !cfg.Redis.Enabled() {
		p.startAttach(nil)
		return nil
	}
	var err error
	if p.bus, err = redisbus.New(cfg.Redis.Config, log, reg); err != nil {
		return err
	}
	if err = p.makeRegistry(cfg, id, log, reg); err == nil {
		err = p.makeRelay(cfg, log, reg)
	}
	if err != nil {
		_ = p.bus.Close()
		return err
	}
	life := newLife()
	p.cluster = cluster.New(cluster.Params{
		Bus:      p.bus,
		Self:     func() cluster.Self { return cluster.Self{Tag: p.registry.Tag(), Generation: life} },
		Node:     p.api,
		Interest: interest,
		Has:      p.sockets.Has,
		Attached: p.attached(),
		Log:      log,
		Metrics:  reg,
	})
	p.api.SetPeers(p.cluster)
	p.gateway.SetPeers(p.cluster)
	p.shareRecovery(cfg, life, log, reg)
	p.shareTickets(cfg)
	p.startAttach(p.cluster)
	p.cluster.Start()
	p.shareRevocations(cfg, log, reg)
	p.startBridge(cfg, interest, log, reg)
	p.ready.trouble = p.trouble
	return p.registry.Start()
}

// trouble says why this node cannot do all of its part among the others, "" if
// it can. Messages are one thing, and keys another: the rules of an ACL user may
// allow the one and deny the other.
func (p *parts) trouble() string {
	why := cmp.Or(p.bus.Health().Reason, p.registry.Trouble())
	if why == "" && p.journal != nil {
		why = p.journal.Trouble()
	}
	return why
}

// leaveCluster ends what joinCluster has begun.
func (p *parts) leaveCluster() {
	if p.relay != nil {
		p.relay.Close()
	}
	if p.cluster != nil {
		_ = p.registry.Close() // waits, and never fails
		p.closeBridge()
		if p.journal != nil {
			p.journal.Close()
		}
		p.revoked.Close()
		p.cluster.Close()
		_ = p.bus.Close() // nothing is under way
	}
}
