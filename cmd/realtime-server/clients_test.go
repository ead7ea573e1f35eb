package main

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed52a35d2d/realtime-server/service"
)

func TestModeEvent(t *testing.T) {
	const file = `
namespaces:
  /: {auth_mode: event}
  /chat:
    auth_mode: event
    event_mode: {timeout: 5s, rooms: [], events: {authenticate: login}}
    join: {policy: patterns, patterns: ['^team-\d+$']}
  /old: {auth_mode: connect}
`
	cfg := sound(t, file, []string{anAPIKey, aBackend})
	defaults, denied := service.EventMode{}.WithDefaults(), service.JoinConfig{}.WithDefaults()
	own := defaults
	own.Timeout, own.Rooms, own.Events.Authenticate = 5*time.Second, []string{}, "login"
	teams := denied
	teams.Policy, teams.Patterns = service.JoinPatterns, []string{`^team-\d+$`}
	want := map[string]Namespace{
		"/":     {AuthMode: authEvent, EventMode: &defaults, Join: &denied},
		"/chat": {AuthMode: authEvent, EventMode: &own, Join: &teams},
		"/old":  {AuthMode: authConnect},
	}
	if diff := cmp.Diff(want, cfg.Namespaces); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"/", "/chat"}, slices.Sorted(slices.Values(cfg.SocketIO.Recovery.Except))); diff != "" {
		t.Errorf("without recovery (-want +got):\n%s", diff)
	}
	again := sound(t, printed(t, []string{anAPIKey, aBackend}, "--config", written(t, file)), []string{anAPIKey})
	if diff := cmp.Diff(want, again.Namespaces, equateEmpty); diff != "" {
		t.Errorf("printed and loaded again (-want +got):\n%s", diff)
	}
	if own := again.Namespaces["/chat"].EventMode.Rooms; own == nil || len(own) > 0 {
		t.Errorf("no rooms have become %q", own)
	}
}

// Under dev clients may join every room, unless something is said of it.
// A route of such events goes before that.
func TestDevOpensRooms(t *testing.T) {
	routed := sound(t, "namespaces: {/: {routes: [{events: [a, leave]}]}}", []string{aBackend}, "--dev")
	if join := routed.Namespaces["/"].Join; join != nil {
		t.Errorf("routed, and %+v", join)
	}
	cfg := sound(t, "namespaces: {/: {}, /own: {join: {}}, /event: {auth_mode: event}}", nil, "--dev")
	for name, policy := range map[string]string{"/": service.JoinOpen, "/own": service.JoinDeny, "/event": service.JoinDeny} {
		if got := cfg.Namespaces[name].Join; got == nil || got.Policy != policy {
			t.Errorf("%s: %+v, want %s", name, got, policy)
		}
	}
	sound(t, printed(t, nil, "--dev"), nil, "--dev")
}
