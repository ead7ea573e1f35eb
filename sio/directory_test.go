package sio

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestPatterns(t *testing.T) {
	for text, c := range map[string]struct{ matches, not []string }{
		`^/team-\d+$`:       {[]string{"/team-1", "/team-42"}, []string{"/team-", "/team-1x", "x/team-1", "/team-1\n", "/TEAM-1"}},
		`^/a|/b$`:           {[]string{"/a", "/b"}, []string{"/ab", "/a/b", "/b/x", "x/b"}},
		`^/(?m)a$|.x$`:      {[]string{"/a", "/x"}, []string{"/a\n", "/x\ny", "y\n/x"}},
		`^(?i)/team-[a-z]$`: {[]string{"/team-a", "/TEAM-A"}, []string{"/team-1"}},
		`^/.*$`:             {[]string{"/", "/" + strings.Repeat("x", 255)}, []string{"/" + strings.Repeat("x", 256), "/a,b", "/a?b", "/a\x00"}},
	} {
		whole, err := compilePattern(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		d := &directory{patterns: []*pattern{{text: text, whole: whole}}}
		for _, name := range c.matches {
			if d.match(name) == nil {
				t.Errorf("%s does not match %q", text, name)
			}
		}
		for _, name := range c.not {
			if d.match(name) != nil {
				t.Errorf("%s matches %q", text, name)
			}
		}
	}
}

func TestNamespaceFaults(t *testing.T) {
	for _, name := range []string{
		"", "chat", "/a,b", "/a?b", "/a\x00", "^", "^$", "^/a", "^a$", `^/a\$`, "^/a($", "^/(?=a)$", "^.*$", "^/a{9999}$", "^/)|(?:x$",
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

// FuzzPattern holds the matching of a pattern against the same expression
// between the ends of the text: no pattern matches a part of a name.
func FuzzPattern(f *testing.F) {
	for _, seed := range [][2]string{{`^/team-\d+$`, "/team-1"}, {"^/a|/b$", "/a/b"}, {"^/(?m)a$|b$", "/a\nb"}, {`^/a\$`, "/a$"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, text, name string) {
		whole, err := compilePattern(text)
		if err != nil {
			return
		}
		loose, err := regexp.Compile(text[1 : len(text)-1])
		if err != nil {
			t.Fatalf("%q compiles between ends only: %v", text, err)
		}
		loose.Longest()
		if found := loose.FindString(name); whole.MatchString(name) && found != name {
			t.Fatalf("%q matches all of %q, and inside of it at most %q", text, name, found)
		}
	})
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
