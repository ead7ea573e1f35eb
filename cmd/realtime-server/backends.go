package main

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/seed52a35d2d/realtime-server/internal/backend"
	"github.com/seed52a35d2d/realtime-server/service/attach"
)

// backendOf is the backend of a namespace, nil if it has none.
func (c *Config) backendOf(n Namespace) *backend.Config {
	switch {
	case n.Backend != nil:
		return n.Backend
	case c.Backend.Enabled():
		return &c.Backend
	default:
		return nil
	}
}

// inherit completes the backend of a namespace with the numbers of the common
// one.
func inherit(own, common backend.Config) *backend.Config {
	own.Timeout = cmp.Or(own.Timeout, common.Timeout)
	own.MaxInFlight = cmp.Or(own.MaxInFlight, common.MaxInFlight)
	own.MaxQueue = cmp.Or(own.MaxQueue, common.MaxQueue)
	own.BreakerPercent = cmp.Or(own.BreakerPercent, common.BreakerPercent)
	own.BreakerPause = cmp.Or(own.BreakerPause, common.BreakerPause)
	own.MaxReplyBytes = cmp.Or(own.MaxReplyBytes, common.MaxReplyBytes)
	return &own
}

// completeBackends gives backends that routes name the numbers of the common
// one.
func (c *Config) completeBackends() {
	for name, own := range c.Backends {
		if own != nil {
			c.Backends[name] = inherit(*own, c.Backend)
		}
	}
}

// labelOf is what metrics and log call the backend of a namespace.
func (c *Config) labelOf(to *backend.Config, namespace string) string {
	if to == &c.Backend {
		return "default"
	}
	return namespace
}

// validateBackends checks the backends that only routes name.
func (c *Config) validateBackends() error {
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(c.Backends)) {
		key := "backends." + name
		// Metrics call the others "default" and by their namespace.
		if name == "" || name == "default" || strings.ContainsAny(name[:1], "/^") {
			faults = append(faults, fmt.Errorf(`%s: a backend is not named "default", nor like a namespace`, key))
		}
		if c.Backends[name] == nil {
			faults = append(faults, fmt.Errorf("%s.target: is required, or attach", key))
			continue
		}
		faults = append(faults, within(key, c.Backends[name].Validate()))
	}
	return errors.Join(faults...)
}

// backends are the clients of all backends, one for each of the configuration.
type backends struct {
	hub     *attach.Hub // nil unless backends dial out
	node    backend.Node
	log     *slog.Logger
	metrics *backend.Metrics
	clients map[*backend.Config]*backend.Client
}

// client is the client of a backend, which metrics and log call label.
func (b *backends) client(label string, cfg *backend.Config) (*backend.Client, error) {
	if client := b.clients[cfg]; client != nil {
		return client, nil
	}
	client, err := b.open(label, *cfg)
	if err != nil {
		return nil, err
	}
	b.log.Info("a backend decides about clients", slog.String("backend", label),
		slog.String("target", cfg.Target), slog.String("attach", cfg.Attach))
	b.clients[cfg] = client
	return client, nil
}

// open makes the client of a backend that is dialled, or of one that dials out.
func (b *backends) open(label string, cfg backend.Config) (*backend.Client, error) {
	if cfg.Attach != "" {
		way := b.hub.Conn(cfg.Attach, cfg.MaxReplyBytes)
		return backend.Over(way, label, cfg, b.node, b.log, b.metrics)
	}
	return backend.New(label, cfg, b.node, b.log, b.metrics)
}
