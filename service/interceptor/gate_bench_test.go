package interceptor

import (
	"context"
	"fmt"
	"log/slog"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/seed52a35d2d/realtime-server/authn"
	"github.com/seed52a35d2d/realtime-server/authn/authority"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

// BenchmarkGate is what a Send costs before it is looked at, by what its caller
// is limited to.
func BenchmarkGate(b *testing.B) {
	for name, grant := range map[string]authority.Grant{
		"unlimited":  {},
		"scope":      {Scopes: []authority.Scope{authority.Send}},
		"namespaces": {Namespaces: []string{"/"}},
		"rooms":      {RoomPrefixes: []string{"a:"}},
		"rate":       {CallsPerSecond: 1e9},
	} {
		b.Run(name, func(b *testing.B) {
			keys := map[string]authority.Key{"a": {Secret: "0123456789abcdef", Grant: grant}}
			for i := range 9 {
				keys[fmt.Sprint(i)] = authority.Key{Secret: authn.Secret(fmt.Sprint("another-of-them-", i))}
			}
			callers, err := authority.New(keys, nil)
			if err != nil {
				b.Fatal(err)
			}
			g := &gate{callers: callers, tally: newTally(slog.New(slog.DiscardHandler), prometheus.NewRegistry())}
			ctx := metadata.NewIncomingContext(b.Context(), metadata.Pairs("authorization", "Bearer 0123456789abcdef"))
			info := &grpc.UnaryServerInfo{FullMethod: realtimev1.Realtime_Send_FullMethodName}
			req := &realtimev1.SendRequest{Target: &realtimev1.Target{Rooms: []string{"a:1"}}, Event: &realtimev1.Event{Name: "e", Args: []*realtimev1.Arg{{}}}}
			next := func(context.Context, any) (any, error) { return nil, nil }
			b.ReportAllocs()
			for b.Loop() {
				if _, err := g.unary(ctx, req, info, next); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
