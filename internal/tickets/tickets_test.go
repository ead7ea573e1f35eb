package tickets_test

import (
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/seed52a35d2d/realtime-server/authn"
	"github.com/seed52a35d2d/realtime-server/authn/ticket"
	"github.com/seed52a35d2d/realtime-server/authn/ticket/storetest"
	"github.com/seed52a35d2d/realtime-server/internal/redisbus"
	"github.com/seed52a35d2d/realtime-server/internal/testenv"
	"github.com/seed52a35d2d/realtime-server/internal/tickets"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// client is what a node has.
func client(t *testing.T, addresses ...string) redis.UniversalClient {
	t.Helper()
	cfg := redisbus.DefaultConfig()
	cfg.Addresses = addresses
	bus, err := redisbus.New(cfg, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bus.Close() })
	return bus.Client()
}

func TestStore(t *testing.T) {
	r := testenv.StartRedis(t)
	one, other := client(t, r.Address()), client(t, r.Address())
	storetest.Run(t, tickets.New(one, "test", time.Second), tickets.New(other, "test", time.Second))
}

func TestStoreInACluster(t *testing.T) {
	all := testenv.StartCluster(t, 3, false).Addresses()
	one, other := client(t, all...), client(t, all...)
	storetest.Run(t, tickets.New(one, "test", 5*time.Second), tickets.New(other, "test", 5*time.Second))
}

// Redis counts the life of a ticket, and keeps neither the ticket nor its
// namespace.
func TestWhatRedisKeeps(t *testing.T) {
	redis := client(t, testenv.StartRedis(t).Address())
	office := ticket.NewOffice(prometheus.NewRegistry())
	office.SetStore(tickets.New(redis, "test", time.Second))
	issued, err := office.Issue(t.Context(), "/chat", authn.Identity{User: "ada"}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := redis.Keys(t.Context(), "*").Result()
	if err != nil || len(keys) != 1 || !strings.HasPrefix(keys[0], "test:ticket:") || strings.Contains(keys[0], issued.Text) {
		t.Fatalf("keys %q, %v", keys, err)
	}
	if life := redis.PTTL(t.Context(), keys[0]).Val(); life <= 50*time.Second || life > time.Minute {
		t.Errorf("it lives for %v", life)
	}
	if value := redis.Get(t.Context(), keys[0]).Val(); !regexp.MustCompile(`^{"user":"ada","issued_at":"[^"]+"}$`).MatchString(value) {
		t.Errorf("value %q", value)
	}
}

func TestPrefixesKeepApart(t *testing.T) {
	redis := client(t, testenv.StartRedis(t).Address())
	ours, theirs := tickets.New(redis, "ours", time.Second), tickets.New(redis, "theirs", time.Second)
	if err := ours.Put(t.Context(), "a", []byte("value"), time.Minute); err != nil {
		t.Fatal(err)
	}
	if value, err := theirs.Take(t.Context(), "a"); value != nil || err != nil {
		t.Errorf("got %q, %v", value, err)
	}
}

// While Redis is away, hangs, or refuses, nobody can tell. What was kept is there
// when it goes on.
func TestRedisIsAway(t *testing.T) {
	r := testenv.StartRedis(t)
	redis := client(t, r.Address())
	s := tickets.New(redis, "test", 200*time.Millisecond)
	if err := s.Put(t.Context(), "a", []byte("value"), time.Minute); err != nil {
		t.Fatal(err)
	}
	wantTrouble := func(why string) {
		t.Helper()
		began := time.Now()
		if err := s.Put(t.Context(), "b", nil, time.Minute); err == nil {
			t.Errorf("%s: put", why)
		}
		if value, err := s.Take(t.Context(), "c"); err == nil || value != nil {
			t.Errorf("%s: taken %q, %v", why, value, err)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%s: took %v", why, took)
		}
	}
	for _, rule := range []string{"-getdel", "-set"} {
		if err := redis.Do(t.Context(), "ACL", "SETUSER", "default", rule).Err(); err != nil {
			t.Fatal(err)
		}
	}
	wantTrouble("refused")
	if err := redis.Do(t.Context(), "ACL", "SETUSER", "default", "+@all").Err(); err != nil {
		t.Fatal(err)
	}
	r.Pause()
	wantTrouble("hung")
	r.Resume()
	if value, err := s.Take(t.Context(), "a"); string(value) != "value" || err != nil {
		t.Errorf("got %q, %v", value, err)
	}
	r.Kill()
	wantTrouble("killed")
}
