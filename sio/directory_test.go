package sio

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	patterns "github.com/seed52a35d2d/realtime-server/internal/pattern"
)

func TestNamesThatMatch(t *testing.T) {
	whole, err := patterns.Compile(`^/.*$`)
	if err != nil {
		t.Fatal(err)
	}
	d := &directory{patterns: []*pattern{{whole: whole}}}
	for name, want := range map[string]bool{
		"/": true, "/" + strings.Repeat("x", 255): true,
		"/" + strings.Repeat("x", 256): false, "/a,b": false, "/a?b": false, "/a\x00": false, "a": false,
	} {
		if got := d.match(name) != nil; got != want {
			t.Errorf("%q is a name: %v", name, got)
		}
	}
}

func TestNamespaceFaults(t *testing.T) {
	for _, name := range []string{
		"", "chat", "/a,b", "/a?b", "/a\x00", "^", "^$", "^/a", "^a$", `^/a\$`, "^/(?=a)$", "^.*$",
	} {
		if err := checkNamespace(name); err == nil {
			t.Errorf("%q is fine", name)
		}
	}
	for _, name := range []string{"/", "/chat", "/tenant-*", "^/$", "^/.+$", "^(?i)/a$"} {
		if err := checkNamespace(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// nomad comes to a dynamic namespace, is sent to, and goes, again and again.
func nomad(t *testing.T, server *Server, address, name string, times int) {
	t.Helper()
	w, err := dialWire(address)
	if err != nil {
		t.Error(err)
		return
	}
	defer w.Close()
	for n := range times {
		room := fmt.Sprint(w.LocalAddr(), n)
		if w.say(fmt.Sprintf("40%s,{%q:%q}", name, "room", room)) != nil || !w.hears("40"+name) {
			t.Errorf("visit %d: not let in", n)
			return
		}
		there, ok := server.Namespace(name)
		if !ok {
			t.Error("a namespace with a member is not there")
			return
		}
		d, err := there.Emit(Target{Rooms: []string{room}}, &Event{Name: "you"})
		if err != nil || d.Matched != 1 {
			t.Errorf("visit %d: %d members were reached: %v", n, d.Matched, err)
			return
		}
		if !w.hears("42"+name+`,["you"]`) || w.say("41"+name+",") != nil {
			t.Errorf("visit %d: closed", n)
			return
		}
	}
}

// roomy lets clients into the room that they name.
type roomy struct{ strict }

func (*roomy) Connect(_ context.Context, s *Socket) (*Welcome, error) {
	_, room, _ := strings.Cut(strings.Trim(string(s.Auth()), `{}"`), `":"`)
	return &Welcome{Rooms: []string{room}}, nil
}

// TestNoGhostNamespace has clients come and go so that the last member's leave
// and the next one's coming meet: who was told that it is in can be reached.
func TestNoGhostNamespace(t *testing.T) {
	const clients, times, names = 8, 200, 2
	cfg := DefaultConfig()
	cfg.Namespaces = []string{`^/camp-\d$`}
	server, err := New(cfg, &roomy{}, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	listener := httptest.NewServer(server)
	defer listener.Close()
	var wandering sync.WaitGroup
	for n := range clients {
		wandering.Go(func() {
			nomad(t, server, strings.TrimPrefix(listener.URL, "http://"), fmt.Sprint("/camp-", n%names), times)
		})
	}
	wandering.Wait()
	server.Close(t.Context())
	d := server.namespaces
	if len(d.dynamic) > 0 || d.alive != 0 {
		t.Errorf("%d namespaces are left, %d of them alive", len(d.dynamic), d.alive)
	}
	if n := testutil.ToFloat64(d.patterns[0].alive); n != 0 {
		t.Errorf("the gauge shows %v namespaces", n)
	}
	if n := testutil.CollectAndCount(server.metrics.sockets); n != 1 {
		t.Errorf("sockets have %d labels, want the pattern alone", n)
	}
}

// TestLeftNamespacesAreForgotten: a client that comes to ever new namespaces
// and leaves them costs no more memory each time.
func TestLeftNamespacesAreForgotten(t *testing.T) {
	server := &Server{cfg: Config{MaxNamespaces: 3}}
	c := &conn{server: server}
	for n := range 10 {
		c.leave(fmt.Sprint("/", n))
	}
	if got := fmt.Sprint(c.left); got != "[/7 /8 /9]" {
		t.Errorf("remembers %s", got)
	}
}
