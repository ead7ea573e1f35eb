package interceptor

import (
	"context"
	"log/slog"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/seed52a35d2d/realtime-server/authn/authority"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

// pipe is a stream whose client always has something to say, and hears all.
type pipe struct {
	grpc.ServerStream

	ctx context.Context //nolint:containedctx // that of a stream, as gRPC has it
}

func (p pipe) Context() context.Context { return p.ctx }
func (pipe) RecvMsg(any) error          { return nil }
func (pipe) SendMsg(any) error          { return nil }

// A handler that goes on after a refusal gets no further.
func TestRefusalIsTheEnd(t *testing.T) {
	const secret = "0123456789abcdef"
	slow := authority.Key{Secret: secret, Grant: authority.Grant{CallsPerSecond: 0.001, Burst: 2}}
	callers, err := authority.New(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	set := func(key authority.Key) {
		t.Helper()
		if err := callers.SetMore(map[string]authority.Key{"a": key}); err != nil {
			t.Fatal(err)
		}
	}
	set(slow)
	g := &gate{callers: callers, tally: newTally(slog.New(slog.DiscardHandler), prometheus.NewRegistry())}
	ctx := metadata.NewIncomingContext(t.Context(), metadata.Pairs("authorization", "Bearer "+secret))
	info := &grpc.StreamServerInfo{FullMethod: realtimev1.Realtime_SendWithAck_FullMethodName}
	err = g.stream(nil, pipe{ctx: ctx}, info, func(_ any, stream grpc.ServerStream) error {
		for i := range 2 {
			if err := stream.RecvMsg(&realtimev1.SendWithAckRequest{}); err != nil {
				t.Errorf("message %d: %v", i, err)
			}
		}
		refused := stream.RecvMsg(&realtimev1.SendWithAckRequest{})
		if refused == nil {
			t.Error("the third message came through")
		}
		set(authority.Key{Secret: secret}) // it may do all it likes from now on
		for what, err := range map[string]error{
			"received": stream.RecvMsg(&realtimev1.SendWithAckRequest{}), "sent": stream.SendMsg(&realtimev1.SendWithAckResponse{}),
		} {
			if err == nil || err.Error() != refused.Error() {
				t.Errorf("%s after the end: %v", what, err)
			}
		}
		return nil
	})
	if err == nil {
		t.Error("the stream has ended well")
	}
}
