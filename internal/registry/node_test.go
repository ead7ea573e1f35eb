package registry

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/seed52a35d2d/realtime-server/internal/testenv"
)

func TestMain(m *testing.M) {
	if os.Getenv(processEnv) != "" {
		runProcess() // in process_test.go
		return
	}
	goleak.VerifyTestMain(m)
}

// patience is how long a test waits for an event before it fails.
const patience = 30 * time.Second

// lease is short, but long enough for a busy machine to renew it in time.
const lease = 900 * time.Millisecond

func testConfig() Config {
	cfg := DefaultConfig()
	cfg.Lease, cfg.Linger = lease, 5*time.Millisecond
	return cfg
}

func newClient(address string) redis.UniversalClient {
	return redis.NewClient(&redis.Options{Addr: address, ContextTimeoutEnabled: true, DialTimeout: time.Second})
}

func connect(t *testing.T, server *testenv.Redis) redis.UniversalClient {
	t.Helper()
	client := newClient(server.Address())
	t.Cleanup(func() { client.Close() })
	return client
}

// told is one connection of a dead node, and who was told of it.
type told struct {
	by   string
	dead Node
	id   string
}

// house is the nodes of a test, and what they were told.
type house struct {
	t      *testing.T
	client redis.UniversalClient
	cfg    Config

	mu      sync.Mutex
	told    []told
	endings map[string][]Ending
	changed chan struct{}
}

func newHouse(t *testing.T, client redis.UniversalClient) *house {
	t.Helper()
	return &house{
		t: t, client: client, cfg: testConfig(),
		endings: map[string][]Ending{}, changed: make(chan struct{}),
	}
}

// update changes what was told, and wakes those who wait for that.
func (h *house) update(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f()
	close(h.changed)
	h.changed = make(chan struct{})
}

// node is one registry of the house.
type node struct {
	*Registry
	house   *house
	metrics *prometheus.Registry
}

// prepare makes a node that has not joined. Hooks that are nil note what they
// are told.
func (h *house) prepare(id string, hooks Hooks) *node {
	h.t.Helper()
	if hooks.Dead == nil {
		hooks.Dead = h.noteDead(id)
	}
	if hooks.Over == nil {
		hooks.Over = func(_ context.Context, e Ending) bool {
			h.update(func() { h.endings[id] = append(h.endings[id], e) })
			return e.Reason != Superseded
		}
	}
	n := &node{house: h, metrics: prometheus.NewRegistry()}
	var err error
	n.Registry, err = New(Params{
		Client: h.client, Config: h.cfg, ID: id, Version: "v1", Hooks: hooks,
		Log: slog.New(slog.NewTextHandler(h.t.Output(), nil)).With(slog.String("of", id)), Metrics: n.metrics,
	})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { n.Close() })
	return n
}

func (h *house) noteDead(by string) func(context.Context, Node, []Record) (int, error) {
	return func(_ context.Context, dead Node, records []Record) (int, error) {
		h.update(func() {
			for _, r := range records {
				h.told = append(h.told, told{by, dead, r.ID})
			}
		})
		return len(records), nil
	}
}

// join makes nodes that have joined and know each other.
func (h *house) join(ids ...string) []*node {
	h.t.Helper()
	var nodes []*node
	for _, id := range ids {
		n := h.prepare(id, Hooks{})
		n.wantJoin()
		nodes = append(nodes, n)
	}
	for _, n := range nodes {
		eventually(h.t, func() bool {
			return !slices.ContainsFunc(nodes, func(o *node) bool { _, ok := n.NodeByTag(o.Tag()); return !ok })
		})
	}
	return nodes
}

func (n *node) wantJoin() {
	n.house.t.Helper()
	ctx, cancel := context.WithTimeout(n.house.t.Context(), patience)
	defer cancel()
	if err := n.Join(ctx); err != nil {
		n.house.t.Fatal(err)
	}
}

// add registers connections and waits until they are written.
func (n *node) add(ids ...string) {
	n.house.t.Helper()
	for _, id := range ids {
		n.Put(Record{ID: id, Namespace: "/", User: "user of " + id, Value: []byte("value of " + id)})
	}
	n.wantFlush()
}

func (n *node) wantFlush() {
	n.house.t.Helper()
	ctx, cancel := context.WithTimeout(n.house.t.Context(), patience)
	defer cancel()
	if err := n.Flush(ctx); err != nil {
		n.house.t.Fatal(err)
	}
}

// stored is what Redis has of the node's present generation, by id.
func (n *node) stored() map[string]Record {
	n.house.t.Helper()
	return n.house.stored(n.member().key)
}

func (h *house) stored(k key) map[string]Record {
	h.t.Helper()
	s := &store{client: h.client, cfg: h.cfg}
	all := map[string]Record{}
	for cursor, first := uint64(0), true; first || cursor != 0; first = false {
		page, next, err := s.page(h.t.Context(), k, cursor, 1000)
		if err != nil {
			return nil // Redis is away
		}
		for _, r := range page {
			all[r.ID] = r
		}
		cursor = next
	}
	return all
}

// wantStored waits until Redis has exactly these connections of the node.
func (n *node) wantStored(ids ...string) {
	n.house.t.Helper()
	eventually(n.house.t, func() bool {
		all := n.stored()
		if len(all) != len(ids) {
			return false
		}
		for _, id := range ids {
			if string(all[id].Value) != "value of "+id {
				return false
			}
		}
		return true
	})
}

// wait waits until what was told satisfies ok, which is called under h.mu.
func (h *house) wait(what string, ok func() bool) {
	h.t.Helper()
	limit := time.After(patience)
	for {
		h.mu.Lock()
		done, changed := ok(), h.changed
		h.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-limit:
			h.mu.Lock()
			defer h.mu.Unlock()
			h.t.Fatalf("did not come: %s; told %d, endings %v", what, len(h.told), h.endings)
		}
	}
}

// wantEnding waits for the next ending of a node's generation, from the first on.
func (h *house) wantEnding(id string, reason Reason, nth int) Ending {
	h.t.Helper()
	h.wait(fmt.Sprintf("ending %d of %s", nth, id), func() bool { return len(h.endings[id]) >= nth })
	h.mu.Lock()
	defer h.mu.Unlock()
	e := h.endings[id][nth-1]
	if e.Reason != reason {
		h.t.Fatalf("generation of %s is over: %v, want %v", id, e.Reason, reason)
	}
	return e
}

// wantTold waits until a dead generation is forgotten, and says who was told of
// which connection, which must be each of ids once.
func (h *house) wantTold(dead key, ids ...string) {
	h.t.Helper()
	h.wantForgotten(dead)
	// What a process was told arrives by a pipe.
	h.wait("connections of "+dead.String(), func() bool { return len(h.toldOf(dead)) >= len(ids) })
	h.mu.Lock()
	defer h.mu.Unlock()
	got := slices.Sorted(slices.Values(h.toldOf(dead)))
	if want := slices.Sorted(slices.Values(ids)); !slices.Equal(got, want) {
		h.t.Fatalf("of %v was told %q, want %q", dead, got, want)
	}
}

// toldOf is what was told of a generation. Callers hold h.mu.
func (h *house) toldOf(dead key) []string {
	var ids []string
	for _, e := range h.told {
		if (key{e.dead.ID, e.dead.Generation}) == dead {
			ids = append(ids, e.id)
		}
	}
	return ids
}

// wantForgotten waits until a generation is in Redis no more.
func (h *house) wantForgotten(dead key) {
	h.t.Helper()
	s := &store{client: h.client, cfg: h.cfg}
	eventually(h.t, func() bool {
		known, err := h.client.HExists(h.t.Context(), s.directory(), "l:"+dead.String()).Result()
		return err == nil && !known
	})
	if n, err := h.client.Exists(h.t.Context(), s.connections(dead)).Result(); n != 0 || err != nil {
		h.t.Errorf("connections of %v were left", dead)
	}
}

// wantNothingTold is for the end of a test in which nobody died.
func (h *house) wantNothingTold() {
	h.t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.told) > 0 {
		h.t.Errorf("was told of %v", h.told)
	}
}

// metric is the value of a metric of one node.
func (n *node) metric(name string, labels ...string) float64 {
	n.house.t.Helper()
	families, err := n.metrics.Gather()
	if err != nil {
		n.house.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "realtime_registry_"+name {
			continue
		}
		for _, m := range f.GetMetric() {
			if len(labels) == 1 && m.GetLabel()[0].GetValue() != labels[0] {
				continue
			}
			return m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return 0
}

// held says whether a node's lease holds for certain.
func held(n *node) bool { return n.member().held(n.cfg.Lease) }

// eventually waits until ok, which it asks again and again: what happens in
// Redis is no event here.
func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	limit := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal("did not happen")
		}
	}
}

// numbered are n ids of connections.
func numbered(prefix string, n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("%s%05d", prefix, i)
	}
	return ids
}

func TestMetricsAreWellFormed(t *testing.T) {
	reg := prometheus.NewRegistry()
	newMetrics(reg, newLedger(1))
	problems, err := testutil.GatherAndLint(reg)
	if err != nil || len(problems) > 0 {
		t.Error(problems, err)
	}
}
