package backend

import (
	"context"
	"fmt"
	"log/slog"

	"google.golang.org/grpc"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

// Over returns the client of a backend that is not dialled: its calls go over
// what stands for a connection. Everything else is as with [New]. The caller
// closes it.
func Over(
	conn grpc.ClientConnInterface, name string, cfg Config, node Node, log *slog.Logger, metrics *Metrics,
) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("backend %q: %w", name, err)
	}
	return &Client{
		node:     node,
		metadata: cfg.Metadata,
		stub:     realtimev1.NewRealtimeBackendClient(conn),
		guard:    NewGuard(name, cfg.Limits, log.With(slog.String("group", cfg.Attach)), metrics),
	}, nil
}

// repeatableKey marks the context of a call.
type repeatableKey struct{}

// Repeatable marks the context of a call that does no harm if it is made twice, for
// what stands for a connection: it may repeat the call although its method may not
// be repeated, as with an event that is idempotent.
func Repeatable(ctx context.Context) context.Context {
	return context.WithValue(ctx, repeatableKey{}, true)
}

// IsRepeatable reports whether a context is marked.
func IsRepeatable(ctx context.Context) bool {
	marked, _ := ctx.Value(repeatableKey{}).(bool)
	return marked
}
