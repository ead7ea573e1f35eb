package main

import (
	"errors"
	"log/slog"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed52a35d2d/realtime-server/service"
	"github.com/seed52a35d2d/realtime-server/service/bridge"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// startBridge makes the cluster one with Node's servers, if there are any.
func (p *parts) startBridge(cfg *Config, interest *sio.Interest, log *slog.Logger, reg prometheus.Registerer) {
	if !cfg.Bridge.Enabled() {
		return
	}
	p.bridge = bridge.New(bridge.Params{
		Config:     cfg.Bridge,
		Foreign:    p.bus.Foreign(),
		Sockets:    p.sockets,
		Namespaces: fixedNamespaces(cfg.SocketIO.Namespaces),
		Interest:   bridgeInterest(cfg, interest),
		Headers:    cfg.API.Headers,
		Describe:   service.DataOf,
		Log:        log,
		Metrics:    reg,
	})
	peers := bridge.Together{Own: p.cluster, Bridge: p.bridge}
	p.api.SetPeers(peers)
	p.gateway.SetPeers(peers)
	p.bridge.Start()
}

// bridgeInterest tells of single sockets only where each has a channel.
func bridgeInterest(cfg *Config, interest *sio.Interest) *sio.Interest {
	if cfg.Bridge.PerSocket() {
		return interest.Also().WithIDs()
	}
	return interest.Also()
}

// closeBridge ends what startBridge has begun.
func (p *parts) closeBridge() {
	if p.bridge != nil {
		p.bridge.Close()
	}
}

// fixedNamespaces are those that are no patterns.
func fixedNamespaces(names []string) (fixed []string) {
	for _, name := range names {
		if strings.HasPrefix(name, "/") {
			fixed = append(fixed, name)
		}
	}
	return fixed
}

func (c *Config) validateBridge() error {
	faults := []error{within("bridge", c.Bridge.Validate())}
	if !c.Redis.Enabled() {
		faults = append(faults, errors.New("bridge.dialect: needs redis.addresses, where Node's servers are"))
	}
	if c.Bridge.Sharded() && (c.Redis.Cluster || len(c.Redis.Addresses) > 1) && c.Redis.MasterName == "" {
		faults = append(faults, errors.New("bridge.dialect: sharded works with a single Redis or Sentinels, not yet with a Redis Cluster"))
	}
	return errors.Join(faults...)
}
