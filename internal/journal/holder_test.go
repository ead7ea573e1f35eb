package journal

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/seed52a35d2d/realtime-server/internal/testenv"
	"github.com/seed52a35d2d/realtime-server/sio"
)

func TestHolder(t *testing.T) {
	for text, want := range map[string]Holder{
		"aaaa.17.node-1":    {"aaaa", 17, "node-1"},
		"aaaa.17.db.host:1": {"aaaa", 17, "db.host:1"},
		"aaaa.17":           {"aaaa", 17, ""}, // of a version that did not say its node
		"":                  {},
		"...":               {Node: "."},
	} {
		if got := parseHolder(text); got != want {
			t.Errorf("%q is %+v, want %+v", text, got, want)
		}
	}
	if h := (Holder{"aaaa", 17, "a.b"}); parseHolder(h.String()) != h {
		t.Errorf("%v is not what it was", h)
	}
}

// Whoever takes a ticket learns which nodes had it, also one that took it and died
// before it wrote anything, and that it comes after them.
func TestTakenSaysWhoHadIt(t *testing.T) {
	server := testenv.StartRedis(t)
	client := redis.NewClient(&redis.Options{Addr: server.Address()})
	t.Cleanup(func() { client.Close() })
	journal := func(holder Holder) *Journal {
		return New(Params{
			Client: client, Prefix: "test", Holder: holder, MaxAge: time.Minute, CallTimeout: time.Second,
			LetGo: func(context.Context, Holder, string) {}, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
		})
	}
	first := journal(Holder{"tag0", 1, "n0"})
	if _, err := first.Save(t.Context(), []sio.Ticket{{PID: "p", Data: []byte("ticket"), Life: time.Minute}}); err != nil {
		t.Fatal(err)
	}
	var last uint64
	take := func(by *Journal, want ...string) {
		t.Helper()
		got, err := by.Take(t.Context(), "p")
		if err != nil || string(got.Ticket) != "ticket" {
			t.Fatalf("took %q, %v", got.Ticket, err)
		}
		if !slices.Equal(got.Former.Nodes, want) || got.Former.At <= last {
			t.Errorf("it was at %v, at %d after %d, want %v", got.Former.Nodes, got.Former.At, last, want)
		}
		last = got.Former.At
		if again, err := by.Take(t.Context(), "p"); again.Ticket != nil || err != nil {
			t.Errorf("took it twice: %q, %v", again.Ticket, err)
		}
		if _, err := by.Save(t.Context(), []sio.Ticket{{PID: "p", Data: []byte("ticket"), Life: time.Minute}}); err != nil {
			t.Fatal(err)
		}
	}
	take(first)
	take(journal(Holder{"tag1", 1, "n1"}), "n0")
	take(first, "n1")
	take(journal(Holder{"tag2", 2, "n0"}), "n0", "n1") // another life of the same node
	take(journal(Holder{"old", 2, ""}), "n0", "n1")
	for i := range 10 {
		by := journal(Holder{fmt.Sprint("t", i), 1, fmt.Sprint("m", i)})
		got, err := by.Take(t.Context(), "p")
		if err != nil || len(got.Former.Nodes) > 4 {
			t.Fatalf("it was at %v, %v", got.Former.Nodes, err)
		}
		if _, err := by.Save(t.Context(), []sio.Ticket{{PID: "p", Data: []byte("ticket"), Life: time.Minute}}); err != nil {
			t.Fatal(err)
		}
	}
}
