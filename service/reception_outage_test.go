package service_test

import (
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed52a35d2d/realtime-server/authn/callback"
	"github.com/seed52a35d2d/realtime-server/authn/outage"
	"github.com/seed52a35d2d/realtime-server/service"
	"github.com/seed52a35d2d/realtime-server/sio"
	"github.com/seed52a35d2d/realtime-server/sio/siotest"
)

// closing has clients of mode event come back by themselves while their backend is
// away, which it is.
func closing(t *testing.T) service.Policy {
	t.Helper()
	b := &absent{}
	b.away.Store(true)
	shelter := outage.New(outage.Params{
		Authenticator: callback.New(b, 10), Config: outage.Config{Policy: outage.Close, CloseAfter: 4 * time.Second}.WithDefaults(),
		Namespace: "/", Log: slog.New(slog.DiscardHandler), Metrics: outage.NewMetrics(prometheus.NewRegistry()),
	})
	return inEventMode(service.Policy{Authenticator: shelter, LateComeBack: true})
}

// Whoever is held back for an outage when its time is over comes back as well: the
// policy says that clients do.
func TestStrangersComeBackAfterAnOutage(t *testing.T) {
	for name, test := range map[string]struct {
		after time.Duration // when it says who it is
		ends  []string
	}{
		"at once":        {0, []string{"2s", "3s", "4s"}},
		"before the end": {9 * time.Second, []string{"10s"}},
	} {
		t.Run(name, func(t *testing.T) {
			inTime(t, closing(t), func(t *testing.T, door *siotest.Listener, _ *prometheus.Registry) {
				t.Helper()
				b, _ := join(t, door, "")
				go func() {
					time.Sleep(test.after) // virtual
					b.send(`42["authenticate"]`)
				}()
				got := messages(b, time.Minute)
				if len(got) != 1 || !strings.Contains(got[0], `42["unauthenticated",{"message":"`+brokenText) {
					t.Fatalf("got %q, want no DISCONNECT", got)
				}
				if second, _, _ := strings.Cut(got[0], " "); !slices.Contains(test.ends, second) {
					t.Errorf("told after %s", second)
				}
			})
		})
	}
}

// An outage takes no other namespace from a client, whether it is held back or its
// time is over.
func TestOutageOfOneNamespaceLeavesTheOthers(t *testing.T) {
	for name, limit := range map[string]time.Duration{"held back": 10 * time.Second, "late": time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				policy := closing(t)
				policy.EventMode.Timeout = limit
				reg, log := prometheus.NewRegistry(), slog.New(slog.DiscardHandler)
				gateway := service.NewGateway(map[string]service.Policy{"/": dev(t), "/late": policy}, service.DefaultConfig(), log, reg)
				cfg := sio.DefaultConfig()
				cfg.Namespaces = []string{"/", "/late"}
				sockets, err := sio.New(cfg, gateway, log, reg)
				if err != nil {
					t.Fatal(err)
				}
				b, _ := join(t, siotest.Serve(t, sockets), "")
				b.send("40/late,")
				b.want("40/late,")
				b.send(`42/late,["authenticate"]`)
				b.want(`42/late,["unauthenticated"`)
				b.want("41/late,")
				if got := b.ask(`"echo",1`); got != "[1]" {
					t.Errorf("got %s", got)
				}
				b.conn.Close()
				sockets.Close(t.Context())
				gateway.Close()
			})
		})
	}
}
