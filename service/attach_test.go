package service_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/service"
	"github.com/seed52a35d2d/realtime-server/service/attach"
)

// attaching returns the API of a server to which workers of the group "chat" may
// attach.
func attaching(t *testing.T) realtimev1.RealtimeClient {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	hub := attach.New(attach.Params{Groups: []string{"chat"}, Log: log, Metrics: prometheus.NewRegistry()})
	hub.Start(nil)
	t.Cleanup(func() { hub.Close(context.Background()) })
	s := service.New(nil, service.DefaultConfig(), "node-1", log)
	s.SetAttacher(hub)
	return behind(t, s, nil)
}

// attachAs opens a stream, and says hello to a group, or nothing of the kind.
func attachAs(ctx context.Context, t *testing.T, api realtimev1.RealtimeClient, group string) realtimev1.Realtime_AttachClient {
	t.Helper()
	stream, err := api.Attach(ctx)
	if err != nil {
		t.Fatal(err)
	}
	m := &realtimev1.AttachRequest{}
	if group != "" {
		m.Message = &realtimev1.AttachRequest_Hello{Hello: &realtimev1.AttachHello{Group: group}}
	}
	_ = stream.Send(m) // that the stream has ended is told by Recv
	return stream
}

// attachError is why a stream ends.
func attachError(stream realtimev1.Realtime_AttachClient) error {
	for {
		if _, err := stream.Recv(); err != nil {
			return err
		}
	}
}

// fillGroup attaches as many workers as may be.
func fillGroup(ctx context.Context, t *testing.T, api realtimev1.RealtimeClient) {
	t.Helper()
	for range 1000 {
		if m, err := attachAs(ctx, t, api, "chat").Recv(); err != nil || m.GetWelcome() == nil {
			t.Fatalf("got %v, %v", m, err)
		}
	}
}

// TestNobodyMayAttach: a server whose configuration names no group says so.
func TestNobodyMayAttach(t *testing.T) {
	w := newWorld(t, dev(t))
	if err := attachError(attachAs(t.Context(), t, w.api, "chat")); reason(err) != "GROUP_NOT_FOUND" {
		t.Errorf("got %v", err)
	}
}
