package main

import (
	"context"
	"errors"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	clusterv1 "github.com/seed52a35d2d/realtime-server/gen/realtime/cluster/v1"
	"github.com/seed52a35d2d/realtime-server/internal/journal"
	"github.com/seed52a35d2d/realtime-server/service"
	"github.com/seed52a35d2d/realtime-server/service/cluster"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// validateRecovery reports a store that is not there.
func (c *Config) validateRecovery() error {
	r := &c.SocketIO.Recovery
	switch {
	case !r.Enabled || r.Store != sio.StoreRedis:
		return nil
	case !c.Redis.Enabled():
		return errors.New("socketio.recovery.store: redis needs redis.addresses")
	case c.Bridge.Enabled():
		return errors.New("socketio.recovery.store: redis does not work together with bridge.dialect: Node's servers do not write into the journal")
	}
	return nil
}

// recoveryStore is where events are kept for clients that come back, "" if they are
// not.
func (c *Config) recoveryStore() string {
	if !c.SocketIO.Recovery.Enabled {
		return ""
	}
	return c.SocketIO.Recovery.Store
}

// shareRecovery lets clients come back at any node of the cluster, if the
// configuration wants it.
func (p *parts) shareRecovery(cfg *Config, life int64, log *slog.Logger, reg prometheus.Registerer) {
	r := &cfg.SocketIO.Recovery
	if !r.Enabled || r.Store != sio.StoreRedis {
		return
	}
	self := p.registry.Self()
	h := &holders{self: journal.Holder{Tag: self.Tag, Life: life, Node: self.ID}, parts: p}
	p.journal = journal.New(journal.Params{
		Client: p.bus.Client(),
		Prefix: cfg.Redis.Prefix,
		Holder: h.self,
		MaxAge: r.MaxDisconnection, MaxEntries: r.MaxEvents,
		CallTimeout: cfg.Redis.CallTimeout,
		Listener:    p.sockets,
		LetGo:       h.letGo,
		Log:         log, Metrics: reg,
	})
	p.sockets.Share(p.journal)
	peers := settling{p.cluster, p.sockets}
	p.api.SetPeers(peers)
	p.gateway.SetPeers(peers)
	p.gateway.SetReturned(p.api.Returned)
	p.journal.Start()
}

// holders are the nodes that hold tickets.
type holders struct {
	// self is this process. Should another node have had its tag, it is merely not
	// asked to let go.
	self  journal.Holder
	parts *parts
}

// letGo has a node let go of a client. One that is dead does not answer, and is
// not waited for.
func (h *holders) letGo(ctx context.Context, holder journal.Holder, pid string) {
	if holder == h.self {
		h.parts.sockets.LetGo(ctx, pid)
		return
	}
	_, _ = h.parts.cluster.Ask(ctx, cluster.Asking{ // what it has written counts, whether or not it answers
		To:   cluster.NodeOf(holder.Tag),
		Call: &clusterv1.Call{Request: &clusterv1.Call_LetGo{LetGo: &clusterv1.LetGo{Pid: pid}}},
		Take: func(string, *clusterv1.Reply) {},
	})
}

// settling are peers that have settled when a client would also get back at
// another node what it has now.
type settling struct {
	service.Peers
	sockets *sio.Server
}

// Settle waits for both.
func (s settling) Settle(ctx context.Context, groups ...sio.Group) {
	s.Peers.Settle(ctx, groups...)
	s.sockets.Saved(ctx)
}
