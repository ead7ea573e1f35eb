package outage_test

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/seed52a35d2d/realtime-server/authn/callback"
	"github.com/seed52a35d2d/realtime-server/authn/outage"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/internal/backend"
	"github.com/seed52a35d2d/realtime-server/internal/backend/backendtest"
)

// before is an Authenticator whose desk is a backend.
func before(t *testing.T, target string, cfg outage.Config) *shelter {
	t.Helper()
	backendConfig := backend.DefaultConfig()
	backendConfig.Target, backendConfig.Timeout = target, 300*time.Millisecond
	client, err := backend.New("test", backendConfig, backend.Node{ID: "node-1"},
		slog.New(slog.DiscardHandler), backend.NewMetrics(prometheus.NewRegistry()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	s := newShelter(t, cfg)
	s.desk.answer = callback.New(client, 10).Authenticate
	return s
}

func accept(user string) *realtimev1.AuthenticateResponse {
	return &realtimev1.AuthenticateResponse{Result: &realtimev1.AuthenticateResponse_Accept{
		Accept: &realtimev1.Accept{UserId: user},
	}}
}

// TestWhatIsAnOutage has a backend that has accepted a client say something else of
// it. Whoever means to refuse must not let it in by mistake.
func TestWhatIsAnOutage(t *testing.T) {
	outages := map[codes.Code]bool{
		codes.Unavailable: true, codes.DeadlineExceeded: true, codes.ResourceExhausted: true,
		codes.Aborted: true, codes.Canceled: true,
	}
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		t.Run(code.String(), func(t *testing.T) {
			var fails atomic.Bool
			s := before(t, backendtest.Serve(t, &backendtest.Stub{
				AuthenticateFunc: func(context.Context, *realtimev1.AuthenticateRequest) (*realtimev1.AuthenticateResponse, error) {
					if fails.Load() {
						return nil, status.Error(code, "the token has expired")
					}
					return accept("ada"), nil
				},
			}), outage.Config{Policy: outage.Stale})
			wantUser(t, s, with("a"), "ada")
			fails.Store(true)
			if outages[code] {
				wantUser(t, s, with("a"), "ada")
			} else {
				wantRefusal(t, s, with("a"), "BACKEND_UNAVAILABLE", false)
			}
		})
	}
	for name, target := range map[string]string{
		"down": backendtest.Down(t), "black hole": backendtest.BlackHole(t), "not gRPC": backendtest.NotGRPC(t),
	} {
		t.Run(name, func(t *testing.T) {
			wantUser(t, before(t, target, outage.Config{Policy: outage.Anonymous}), with("a"), "")
		})
	}
}
