package main

import (
	"crypto/rand"
	"encoding/base64"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed52a35d2d/realtime-server/internal/redisbus"
	"github.com/seed52a35d2d/realtime-server/service/cluster"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// newSelf chooses who this process is among the others. Two nodes with the same
// tag, one pair in sixteen million, would hear each other's calls about single
// connections, and find none.
func newSelf() cluster.Self {
	var random [3]byte
	_, _ = rand.Read(random[:]) // never fails
	return cluster.Self{Tag: base64.RawURLEncoding.EncodeToString(random[:]), Generation: time.Now().UnixMilli()}
}

// joinCluster makes the server one of several, if there is a Redis.
func (p *parts) joinCluster(cfg *Config, self cluster.Self, interest *sio.Interest, log *slog.Logger, reg prometheus.Registerer) error {
	if !cfg.Redis.Enabled() {
		return nil
	}
	var err error
	if p.bus, err = redisbus.New(cfg.Redis, log, reg); err != nil {
		return err
	}
	p.cluster = cluster.New(cluster.Params{
		Bus:      p.bus,
		Self:     func() cluster.Self { return self },
		Node:     p.api,
		Interest: interest,
		Has:      p.sockets.Has,
		Log:      log,
		Metrics:  reg,
	})
	p.api.SetPeers(p.cluster)
	p.gateway.SetPeers(p.cluster)
	p.cluster.Start()
	p.ready.trouble = func() string { return p.bus.Health().Reason }
	return nil
}

// leaveCluster ends what joinCluster has begun.
func (p *parts) leaveCluster() {
	if p.cluster != nil {
		p.cluster.Close()
		_ = p.bus.Close() // nothing is under way
	}
}
