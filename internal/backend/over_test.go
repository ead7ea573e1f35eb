package backend_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/internal/backend"
)

// way stands for a connection.
type way func(ctx context.Context, method string, request, reply any) error

func (w way) Invoke(ctx context.Context, method string, request, reply any, _ ...grpc.CallOption) error {
	return w(ctx, method, request, reply)
}

func (way) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, status.Error(codes.Unimplemented, "")
}

// TestOver: what is not dialled is called like everything else.
func TestOver(t *testing.T) {
	cfg := backend.DefaultConfig()
	cfg.Attach, cfg.Metadata = "chat", map[string]string{"authorization": "Bearer x"}
	conn := way(func(ctx context.Context, method string, request, _ any) error {
		md, _ := metadata.FromOutgoingContext(ctx)
		req, ok := request.(*realtimev1.OnEventRequest)
		if _, bounded := ctx.Deadline(); !bounded || !ok || md.Get("authorization")[0] != "Bearer x" || req.GetContext().GetNodeId() != "n" {
			t.Errorf("%s of %v with %v", method, request, md)
		}
		return status.Error(codes.Unavailable, "no worker")
	})
	client, err := backend.Over(conn, "default", cfg, backend.Node{ID: "n"}, slog.New(slog.DiscardHandler), backend.NewMetrics(prometheus.NewRegistry()))
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.OnEvent(t.Context(), &realtimev1.OnEventRequest{Context: &realtimev1.RequestContext{}})
	if err == nil || !strings.Contains(err.Error(), "no worker") {
		t.Errorf("got %v", err)
	}
	if err := client.Close(); err != nil {
		t.Error(err)
	}
}

func TestOverRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*backend.Config)
		want   string
	}{
		"neither":         {func(c *backend.Config) { c.Attach = "" }, "target: is required, or attach"},
		"both":            {func(c *backend.Config) { c.Target = "chat:50052" }, "attach: excludes target"},
		"a strange group": {func(c *backend.Config) { c.Attach = "a b" }, `attach: "a b" is not`},
		"TLS":             {func(c *backend.Config) { c.TLS.Enabled = true }, "tls: workers dial out"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := backend.DefaultConfig()
			cfg.Attach = "chat"
			test.change(&cfg)
			_, err := backend.Over(nil, "default", cfg, backend.Node{}, slog.New(slog.DiscardHandler), nil)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}
