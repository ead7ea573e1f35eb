package main

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	"github.com/seed52a35d2d/realtime-server/service/interceptor"
)

// buildGRPC makes the server of the API with all that belongs to it.
func (p *parts) buildGRPC(cfg *Config, log *slog.Logger, reg prometheus.Registerer) (*grpc.Server, error) {
	access, err := buildAccess(cfg, p.files)
	if err != nil {
		return nil, err
	}
	options := append(interceptor.New(log, reg, access),
		grpc.MaxRecvMsgSize(cfg.GRPC.MaxMessage),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: time.Minute}),
	)
	if tls, err := serverTLS("grpc_tls", cfg.GRPC.TLS, p.files); err != nil {
		return nil, fmt.Errorf("grpc.tls: %w", err)
	} else if tls != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(tls)))
	}
	server := grpc.NewServer(options...)
	p.api.Register(server)
	grpc_health_v1.RegisterHealthServer(server, p.health)
	if cfg.GRPC.Reflection {
		reflection.Register(server)
	}
	return server, nil
}
