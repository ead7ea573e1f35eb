package backend

import (
	"log/slog"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/keepalive"
)

// dial makes the channel to all addresses of a backend. It does not connect yet.
func dial(cfg Config, names *names, log *slog.Logger) (*grpc.ClientConn, error) {
	creds, err := cfg.TLS.credentials(log)
	if err != nil {
		return nil, err
	}
	return grpc.NewClient(cfg.Target,
		grpc.WithTransportCredentials(creds),
		grpc.WithResolvers(names.builder()),
		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig": [{"round_robin": {}}]}`),
		grpc.WithDisableServiceConfig(),
		grpc.WithDisableRetry(), // the guard repeats, within its budget
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(cfg.MaxReplyBytes)),
		// Finds an address that has silently gone while calls wait for it.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}),
		// gRPC's own back-off grows to two minutes; clients wait at the door
		// until the backend is found again.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff: backoff.Config{
				BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 3 * time.Second,
			},
			MinConnectTimeout: cfg.Timeout,
		}),
	)
}
