package registry

import (
	"context"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/seed52a35d2d/realtime-server/internal/testenv"
)

func TestJoin(t *testing.T) {
	server := testenv.StartRedis(t)
	h := newHouse(t, connect(t, server))
	a := h.prepare("a", Hooks{Load: func() Load { return Load{Connections: 7, Sessions: 5} }})
	a.address = "http://a:3000"
	a.wantJoin()
	b := h.join("b")[0]
	nodes, err := b.Nodes(t.Context())
	if err != nil || len(nodes) != 2 {
		t.Fatalf("nodes are %v, %v", nodes, err)
	}
	got := nodes[0]
	if got.ID != "a" || got.Tag != a.Tag() || got.Generation != a.Self().Generation || got.Generation == 0 ||
		got.Version != "v1" || got.Address != "http://a:3000" || got.Generation != a.Generation() || got.Load != (Load{7, 5}) || got.Started.IsZero() || got.Renewed < 0 || got.Renewed > lease {
		t.Errorf("node is %+v", got)
	}
	eventually(t, func() bool { n, ok := b.NodeByTag(a.Tag()); return ok && n.ID == "a" })
	if _, ok := b.NodeByTag("...."); ok {
		t.Error("an unknown tag is alive")
	}
	if !held(a) {
		t.Error("has no lease")
	}
	h.wantExpiry()
}

// Everything works on a Redis Cluster, which refuses scripts over several slots.
func TestCluster(t *testing.T) {
	server := testenv.StartRedis(t, "--cluster-enabled", "yes")
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{server.Address()}, ContextTimeoutEnabled: true})
	t.Cleanup(func() { client.Close() })
	single := connect(t, server)
	if err := single.ConfigSet(t.Context(), "cluster-announce-ip", server.Host).Err(); err != nil {
		t.Fatal(err)
	}
	if err := single.Do(t.Context(), "cluster", "addslotsrange", 0, 16383).Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return strings.Contains(single.ClusterInfo(t.Context()).Val(), "cluster_state:ok") })
	h := newHouse(t, client)
	nodes := h.join("a", "b", "c")
	for _, n := range nodes {
		n.add(n.id+"1", n.id+"2")
		n.Remove(n.id+"2", nil)
		n.wantFlush()
	}
	h.wantUser(nodes[0], "user of b1", map[string]int{"b": 1})
	dead := nodes[2].member().key
	nodes[2].Close()
	h.wantTold(dead, "c1")
	if err := nodes[1].Leave(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestPrefixesAreWorldsApart(t *testing.T) {
	server := testenv.StartRedis(t)
	one, two := newHouse(t, connect(t, server)), newHouse(t, connect(t, server))
	two.cfg.Prefix = "other"
	a, b := one.join("same")[0], two.join("same")[0]
	a.add("x")
	b.add("y")
	if len(a.Known()) != 1 || len(b.Known()) != 1 {
		t.Errorf("see %v and %v", a.Known(), b.Known())
	}
	dead := a.member().key
	a.Close()
	c := one.join("c")[0]
	one.wantTold(dead, "x")
	two.wantNothingTold()
	b.wantStored("y")
	if len(c.Known()) != 1 {
		t.Errorf("sees %v", c.Known())
	}
}

// Two nodes draw the same tag. The second draws again when it joins.
func TestTagsAreUnique(t *testing.T) {
	server := testenv.StartRedis(t)
	h := newHouse(t, connect(t, server))
	a := h.join("a")[0]
	renamed := make(chan struct{}, 2)
	b := h.prepare("b", Hooks{Renamed: func() { renamed <- struct{}{} }})
	b.membership.tag = a.Tag()
	b.wantJoin()
	<-renamed
	if a.Tag() == b.Tag() {
		t.Errorf("both have %s", a.Tag())
	}
	if n := b.metric("tags_changed_total"); n != 1 {
		t.Errorf("counted %v changes", n)
	}
	// It is the same if Redis forgets, and the other is faster.
	if err := h.client.Set(t.Context(), a.store.tag(b.Tag()), "somebody else", 0).Err(); err != nil {
		t.Fatal(err)
	}
	lost := b.Tag()
	<-renamed
	if b.Tag() == lost {
		t.Error("still has the tag of somebody else")
	}
	eventually(t, func() bool { _, ok := a.NodeByTag(b.Tag()); return ok })
}

// The tag of a node that died rests before another may have it.
func TestTagRests(t *testing.T) {
	server := testenv.StartRedis(t)
	h := newHouse(t, connect(t, server))
	h.cfg.TagRest = 1000
	nodes := h.join("a", "b")
	dead := nodes[0].member().key
	nodes[0].Close()
	h.wantTold(dead)
	c := h.prepare("c", Hooks{})
	c.membership.tag = nodes[0].Tag()
	c.wantJoin()
	if c.Tag() == nodes[0].Tag() {
		t.Error("has the tag of a node that has just died")
	}
	rest, err := h.client.PTTL(t.Context(), c.store.tag(nodes[0].Tag())).Result()
	if most := h.cfg.tagRest(); err != nil || rest < lease || rest > most {
		t.Errorf("rests for %v more, at most %v, %v", rest, most, err)
	}
}

// Scripts whose answer was lost are run again.
func TestScriptsMayRunTwice(t *testing.T) {
	server := testenv.StartRedis(t)
	h := newHouse(t, connect(t, server))
	ctx := t.Context()
	s := &store{client: h.client, cfg: h.cfg, instance: "i"}
	var got [2]joined
	for i := range got {
		var err error
		if got[i], err = s.join(ctx, "a", "attempt", info{Tag: "abcd"}, key{}); err != nil {
			t.Fatal(err)
		}
	}
	if got[0].key != got[1].key {
		t.Errorf("one attempt got %v and %v", got[0].key, got[1].key)
	}
	k := got[0].key
	if _, err := s.open(ctx, k); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		err := s.write(ctx, k, []change{
			{record: Record{ID: "x", Namespace: "/", User: "ann"}},
			{record: Record{ID: "y", Namespace: "/", User: "ann"}},
			{record: Record{ID: "y"}, remove: true},
			{record: Record{ID: "z"}, remove: true},
		})
		if err != nil {
			t.Fatal(err)
		}
		if counts, err := s.count(ctx, []key{k}, userField("/", "ann")); err != nil || counts[0] != 1 {
			t.Errorf("counts are %v, %v", counts, err)
		}
	}
	other, err := s.join(ctx, "a", "another attempt", info{Tag: "abcd"}, k)
	if err != nil || other.key.generation <= k.generation {
		t.Errorf("another attempt got %v, %v", other.key, err)
	}
}

// A clock that stands still, or goes back, does not give a generation twice.
func TestGenerationsGrow(t *testing.T) {
	server, shift := startShifted(t)
	h := newHouse(t, connect(t, server))
	s := &store{client: h.client, cfg: h.cfg, instance: "i"}
	var last uint64
	for i := range 20 {
		if i == 10 {
			shift(-time.Hour)
		}
		got, err := s.join(t.Context(), "a", newTag(), info{Tag: "abcd"}, key{})
		if err != nil || got.key.generation <= last {
			t.Fatalf("%v comes after %d, %v", got.key, last, err)
		}
		last = got.key.generation
	}
}

// wantUser compares where a user is.
func (h *house) wantUser(by *node, user string, want map[string]int) {
	h.t.Helper()
	h.wantPresence(want, func(ctx context.Context) ([]Presence, error) { return by.User(ctx, "/", user) })
}

func (h *house) wantPresence(want map[string]int, ask func(context.Context) ([]Presence, error)) {
	h.t.Helper()
	all, err := ask(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	got := map[string]int{}
	for _, p := range all {
		got[p.Node.ID] = p.Connections
	}
	if !maps.Equal(got, want) {
		h.t.Errorf("got %v, want %v", got, want)
	}
}

func TestPresence(t *testing.T) {
	server := testenv.StartRedis(t)
	h := newHouse(t, connect(t, server))
	nodes := h.join("a", "b")
	a, b := nodes[0], nodes[1]
	a.Put(Record{ID: "1", Namespace: "/x", User: "ann"})
	a.Put(Record{ID: "2", Namespace: "/x", User: "ann"})
	a.Put(Record{ID: "3", Namespace: "/", User: "xann"}) // must not be taken for ann in /x
	a.Put(Record{ID: "4", Namespace: "/x"})
	a.wantFlush()
	b.Put(Record{ID: "5", Namespace: "/x", User: "ann"})
	b.wantFlush()
	user := func(ctx context.Context) ([]Presence, error) { return b.User(ctx, "/x", "ann") }
	namespace := func(ctx context.Context) ([]Presence, error) { return b.Namespace(ctx, "/x") }
	h.wantPresence(map[string]int{"a": 2, "b": 1}, user)
	h.wantPresence(map[string]int{"a": 3, "b": 1}, namespace)
	a.Put(Record{ID: "2", Namespace: "/x", User: "bob"}) // is somebody else from now on
	a.Remove("4", nil)
	a.wantFlush()
	h.wantPresence(map[string]int{"a": 1, "b": 1}, user)
	h.wantPresence(map[string]int{"a": 2, "b": 1}, namespace)
	for _, id := range []string{"1", "2", "3"} {
		a.Remove(id, nil)
	}
	a.wantFlush()
	h.wantPresence(map[string]int{"b": 1}, user)
	if n, err := h.client.HLen(t.Context(), a.store.connections(a.member().key)).Result(); n != 1 || err != nil {
		t.Errorf("%d fields are left, want the fence alone; %v", n, err)
	}
}

// A connection that came and went is never written.
func TestShortConnectionsAreSpared(t *testing.T) {
	server := testenv.StartRedis(t)
	h := newHouse(t, connect(t, server))
	h.cfg.Linger = time.Hour // until Flush
	a := h.join("a")[0]
	a.wantFlush()
	for _, id := range numbered("x", 1000) {
		a.Put(Record{ID: id, Namespace: "/"})
		a.Remove(id, nil)
	}
	a.wantFlush()
	if spared, written, removed := a.metric("records_spared_total"), a.metric("records_written_total"),
		a.metric("records_removed_total"); spared != 1000 || written+removed != 0 {
		t.Errorf("spared %v, wrote %v, removed %v", spared, written, removed)
	}
	if n := a.metric("pending_bytes"); n != 0 {
		t.Errorf("%v bytes wait", n)
	}
}

// More changes than there is room for are found by a comparison.
func TestTooManyChanges(t *testing.T) {
	server := testenv.StartRedis(t)
	h := newHouse(t, connect(t, server))
	h.cfg.Linger, h.cfg.MaxPending = time.Hour, 4<<10
	a := h.join("a")[0]
	for _, id := range numbered("x", 1000) {
		a.Put(Record{ID: id, Namespace: "/", Value: []byte("value of " + id)})
		if n := a.metric("pending_bytes"); n > 4<<10 {
			t.Fatalf("%v bytes wait", n)
		}
	}
	a.wantFlush()
	a.wantStored(numbered("x", 1000)...)
	for _, id := range numbered("x", 500) {
		a.Remove(id, nil)
	}
	for _, id := range numbered("y", 500) {
		a.Put(Record{ID: id, Namespace: "/", Value: []byte("value of " + id)})
	}
	if a.metric("records_deferred_total") == 0 {
		t.Error("nothing was deferred")
	}
	a.wantFlush()
	a.wantStored(append(numbered("x", 1000)[500:], numbered("y", 500)...)...)
	h.wantPresence(map[string]int{"a": 1000}, func(ctx context.Context) ([]Presence, error) { return a.Namespace(ctx, "/") })
}

func TestForgetsIDsThatAreGoneForLong(t *testing.T) {
	server, shift := startShifted(t)
	h := newHouse(t, connect(t, server))
	nodes := h.join("a", "b")
	if err := nodes[0].Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	known := func() bool {
		ok, err := h.client.HExists(t.Context(), nodes[1].store.directory(), "@:a").Result()
		return ok || err != nil
	}
	if !known() {
		t.Fatal("is forgotten at once")
	}
	for range 3 { // each time for less than the retention, or all keys would expire
		shift(10 * time.Hour)
		h.wantRenewals(2, nodes[1])
	}
	eventually(t, func() bool { return !known() })
}
