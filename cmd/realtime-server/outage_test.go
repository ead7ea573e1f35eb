package main

import (
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed52a35d2d/realtime-server/authn/callback"
	"github.com/seed52a35d2d/realtime-server/authn/outage"
	"github.com/seed52a35d2d/realtime-server/internal/backend"
)

func TestOutageOfANamespace(t *testing.T) {
	cfg := sound(t, `
namespaces:
  /: {}
  /chat: {outage: {policy: stale, otherwise: anonymous, stale_ttl: 1h, rooms: [lobby], coalesce: true}}
`, []string{anAPIKey, aBackend})
	want := outage.Config{
		Policy: outage.Stale, Otherwise: outage.Anonymous, StaleTTL: time.Hour, Rooms: []string{"lobby"}, Coalesce: true,
	}.WithDefaults()
	if diff := cmp.Diff(&want, cfg.Namespaces["/chat"].Outage); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	p := &parts{}
	policies, err := p.buildPolicies(cfg, backend.Node{}, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range p.backends {
		t.Cleanup(func() { b.Close() })
	}
	if _, ok := policies["/"].Authenticator.(*callback.Authenticator); !ok {
		t.Errorf("/ has %T", policies["/"].Authenticator)
	}
	if a, ok := policies["/chat"].Authenticator.(*outage.Authenticator); !ok || len(p.outages) != 1 || p.outages[0] != a {
		t.Errorf("/chat has %T, and %v are closed at the end", policies["/chat"].Authenticator, p.outages)
	}
}

func TestOutageFaults(t *testing.T) {
	_, err := load(t, `
namespaces:
  /: {anonymous: true, outage: {policy: close}}
  /jwt: {jwt: {keys: [{secret: 0123456789abcdef0123456789abcdef}]}, outage: {policy: deny}}
  /slow: {outage: {policy: close, close_after: 45s}}
  /event: {auth_mode: event, event_mode: {timeout: 4s}, outage: {policy: close}}
`, []string{anAPIKey, aBackend})
	wantFaults(t, err,
		"namespaces./.outage.policy: nobody is asked",
		`namespaces./jwt.outage.policy: "deny" is none of`,
		"namespaces./jwt.outage.policy: nobody is asked",
		"namespaces./slow.outage.close_after: 45s is not shorter than socketio.connect_timeout",
		"namespaces./event.outage.close_after: 4s is not shorter than event_mode.timeout, 4s",
	)
}
