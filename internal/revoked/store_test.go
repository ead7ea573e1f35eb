package revoked

import (
	"context"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/seed52a35d2d/realtime-server/internal/testenv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// node is a listener with its store.
type node struct {
	t     *testing.T
	store *Store

	mu    sync.Mutex
	known map[string]Entry
	news  chan struct{} // holds one signal
}

func (n *node) Hear(entries [][]byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, e := range entries {
		n.known[string(e)] = Entry{e, time.Now().Add(time.Hour)}
	}
	select {
	case n.news <- struct{}{}:
	default:
	}
}

func (n *node) All() []Entry {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []Entry
	for _, e := range n.known {
		all = append(all, e)
	}
	return all
}

func (n *node) knows() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var names []string
	for name := range n.known {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// want waits until the node knows what it should.
func (n *node) want(names ...string) {
	n.t.Helper()
	late := time.After(patience)
	for !slices.Equal(n.knows(), names) {
		select {
		case <-n.news:
		case <-late:
			n.t.Fatalf("the node knows %q, want %q", n.knows(), names)
		}
	}
}

// add revokes something as a node does: it knows it first.
func (n *node) add(name string, lasts time.Duration) error {
	n.t.Helper()
	e := Entry{[]byte(name), time.Now().Add(lasts)}
	n.mu.Lock()
	n.known[name] = e
	n.mu.Unlock()
	return n.store.Add(n.t.Context(), e)
}

// start starts a node, which the test may stop before its end.
func start(t *testing.T, r *testenv.Redis) *node {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: r.Address(), MaxRetries: -1})
	n := &node{t: t, known: map[string]Entry{}, news: make(chan struct{}, 1)}
	n.store = New(Params{
		Client: client, Prefix: "test", CallTimeout: time.Second, Listener: n,
		Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
	})
	n.store.Start()
	t.Cleanup(func() {
		n.store.Close()
		_ = client.Close()
	})
	return n
}

// heard waits until a node has heard of what was there at its start.
func (n *node) heard() {
	n.t.Helper()
	select {
	case <-n.store.Heard():
	case <-time.After(patience):
		n.t.Fatal("the node has heard nothing")
	}
}

func TestNodesHearOfEachOther(t *testing.T) {
	r := testenv.StartRedis(t)
	a, b := start(t, r), start(t, r)
	a.heard()
	b.heard()
	if err := a.add("first", time.Hour); err != nil {
		t.Fatal(err)
	}
	b.want("first")
	if err := b.add("second", time.Hour); err != nil {
		t.Fatal(err)
	}
	a.want("first", "second")
	late := start(t, r)
	late.heard()
	late.want("first", "second")
	if n := testutil.ToFloat64(late.store.following); n != 1 {
		t.Errorf("the gauge shows %v", n)
	}
}

func TestManyAtOnce(t *testing.T) {
	r := testenv.StartRedis(t)
	a, b := start(t, r), start(t, r)
	b.heard()
	var all []Entry
	var names []string
	for i := range 2*pageSize + 7 {
		name := strconv.Itoa(100_000 + i)
		names = append(names, name)
		all = append(all, Entry{[]byte(name), time.Now().Add(time.Hour)})
	}
	if err := a.store.write(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	b.want(names...)
	late := start(t, r)
	late.heard()
	late.want(names...)
}

// TestRedisLosesEverything: nodes that live on write what they know, also what was
// revoked while Redis was away.
func TestRedisLosesEverything(t *testing.T) {
	r := testenv.StartRedis(t)
	a, b := start(t, r), start(t, r)
	a.heard()
	b.heard()
	if err := a.add("before", time.Hour); err != nil {
		t.Fatal(err)
	}
	b.want("before")
	r.Kill()
	if err := a.add("meanwhile", time.Hour); err == nil {
		t.Fatal("Redis is not away")
	}
	r.Start()
	b.want("before", "meanwhile")
	late := start(t, r)
	late.heard()
	late.want("before", "meanwhile")
}

// TestRedisIsEmptied: the connection has not broken, and yet nothing is there.
func TestRedisIsEmptied(t *testing.T) {
	r := testenv.StartRedis(t)
	a := start(t, r)
	a.heard()
	if err := a.add("before", time.Hour); err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(&redis.Options{Addr: r.Address()})
	defer client.Close()
	if err := client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	late := start(t, r)
	late.want("before")
}

func TestRedisAbsentAtStart(t *testing.T) {
	r := testenv.StartRedis(t)
	r.Kill()
	a := start(t, r)
	select {
	case <-a.store.Heard():
		t.Fatal("the node has heard of what nobody can tell")
	default:
	}
	r.Start()
	a.heard()
}

// TestWhatIsOverGoes: nothing is left in Redis for good.
func TestWhatIsOverGoes(t *testing.T) {
	r := testenv.StartRedis(t)
	a := start(t, r)
	a.heard()
	client := redis.NewClient(&redis.Options{Addr: r.Address()})
	defer client.Close()
	for name, lasts := range map[string]time.Duration{"over": -time.Second, "brief": 50 * time.Millisecond, "long": time.Hour} {
		if err := a.add(name, lasts); err != nil {
			t.Fatal(err)
		}
	}
	left := func() []string {
		if err := a.add("long", time.Hour); err != nil {
			t.Fatal(err)
		}
		return client.ZRange(t.Context(), "test:{revocations}:log", 0, -1).Val()
	}
	deadline := time.Now().Add(patience)
	for !slices.Equal(left(), []string{"long"}) {
		if time.Now().After(deadline) {
			t.Fatalf("left: %q", left())
		}
	}
	for _, key := range client.Keys(context.Background(), "*").Val() {
		if ttl := client.PTTL(t.Context(), key).Val(); ttl <= 0 || ttl > epochLife {
			t.Errorf("%s ends in %v", key, ttl)
		}
	}
}
