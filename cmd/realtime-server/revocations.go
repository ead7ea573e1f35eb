package main

import (
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed52a35d2d/realtime-server/internal/revoked"
)

// shareRevocations has all nodes know what one of them revokes, also those that
// come later.
func (p *parts) shareRevocations(cfg *Config, log *slog.Logger, reg prometheus.Registerer) {
	p.revoked = revoked.New(revoked.Params{
		Client:      p.bus.Client(),
		Prefix:      cfg.Redis.Prefix,
		CallTimeout: cfg.Redis.CallTimeout,
		Listener:    p.gateway.Revocations(),
		Log:         log,
		Metrics:     reg,
	})
	p.gateway.Revocations().SetStore(p.revoked)
	p.revoked.Start()
}
