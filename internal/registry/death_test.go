package registry

import (
	"context"
	"errors"
	"testing"

	"github.com/seed52a35d2d/realtime-server/internal/testenv"
)

// A process that is killed is told of once, though three notice, and the same
// node id that comes back at once keeps what it registers.
func TestKilledProcessComesBack(t *testing.T) {
	server := testenv.StartRedis(t)
	h := newHouse(t, connect(t, server))
	h.join("a", "b")
	before := h.startProcess(server, "c", tells)
	before.add(numbered("old", 20)...)
	before.kill()
	after := h.startProcess(server, "c", tells)
	after.add(numbered("new", 10)...)
	if after.key.generation <= before.key.generation {
		t.Errorf("generation %d comes after %d", after.key.generation, before.key.generation)
	}
	h.wantTold(before.key, numbered("old", 20)...)
	if n := len(h.stored(after.key)); n != 10 {
		t.Errorf("of 10 new connections are left %d", n)
	}
}

// A process that is killed and does not come back is gone when its lease ends.
func TestKilledProcessIsGone(t *testing.T) {
	server := testenv.StartRedis(t)
	h := newHouse(t, connect(t, server))
	nodes := h.join("a", "b")
	p := h.startProcess(server, "c", tells)
	p.add("x", "y")
	eventually(t, func() bool { return len(nodes[0].Known()) == 3 })
	p.kill()
	eventually(t, func() bool { return len(nodes[0].Known()) == 2 && len(nodes[1].Known()) == 2 })
	users, err := nodes[0].User(t.Context(), "/", "user of x")
	if err != nil || len(users) != 0 {
		t.Errorf("user of a dead node is found: %v, %v", users, err)
	}
	h.wantTold(p.key, "x", "y")
}

// A process that was stopped for longer than its lease hears that its generation
// is over. What it had was told, and what it writes goes to a new generation.
func TestStoppedProcessIsFenced(t *testing.T) {
	server := testenv.StartRedis(t)
	h := newHouse(t, connect(t, server))
	h.join("a", "b")
	p := h.startProcess(server, "c", tells)
	p.add("x", "y")
	p.stop()
	h.wantTold(p.key, "x", "y")
	p.resume()
	p.want("over %d claimed", &p.key.generation)
	if again := p.add("z"); again <= p.key.generation {
		t.Errorf("writes under generation %d after %d was over", again, p.key.generation)
	} else if n := len(h.stored(key{"c", again})); n != 3 {
		t.Errorf("registered %d connections again, want 3", n)
	}
	h.wantTold(p.key, "x", "y")
}

// A process that was stopped while another took its node id stays out, and the
// other one keeps what it has.
func TestStoppedProcessIsSuperseded(t *testing.T) {
	server := testenv.StartRedis(t)
	h := newHouse(t, connect(t, server))
	p := h.startProcess(server, "c", tells)
	p.add("x", "y")
	p.stop()
	c := h.join("c")[0]
	c.add("z")
	h.wantTold(p.key, "x", "y")
	p.resume()
	p.want("over %d superseded", &p.key.generation)
	c.wantStored("z")
	if v := c.Known(); len(v) != 1 || v[0].Generation != c.Self().Generation {
		t.Errorf("living are %v", v)
	}
}

// Whatever a generation does after it is over has no effect.
func TestEveryActAsksForTheGeneration(t *testing.T) {
	server := testenv.StartRedis(t)
	h := newHouse(t, connect(t, server))
	ctx := t.Context()
	s := &store{client: h.client, cfg: h.cfg, instance: "old"}
	old, err := s.join(ctx, "c", "first", info{Tag: "abcd"}, key{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.open(ctx, old.key); err != nil {
		t.Fatal(err)
	}
	put := []change{{record: Record{ID: "x", Namespace: "/"}}}
	if err := s.write(ctx, old.key, put); err != nil {
		t.Fatal(err)
	}
	late := make(chan error, 1)
	c := h.prepare("c", Hooks{Dead: func(ctx context.Context, dead Node, records []Record) (int, error) {
		late <- s.write(ctx, old.key, put)
		return h.noteDead("c")(ctx, dead, records)
	}})
	c.wantJoin()
	c.add("z")
	h.wantTold(old.key, "x")
	if err := <-late; !errors.Is(err, ErrOver) {
		t.Errorf("writes while it is told of: %v", err)
	}

	if over, _, err := s.renew(ctx, old.key, info{Tag: "abcd"}); over != Superseded || err != nil {
		t.Errorf("renews: %v, %v", over, err)
	}
	if err := s.write(ctx, old.key, put); !errors.Is(err, ErrOver) {
		t.Errorf("writes: %v", err)
	}
	if over, err := s.leave(ctx, old.key, "abcd"); over != Superseded || err != nil {
		t.Errorf("leaves: %v, %v", over, err)
	}
	if ours, _, err := s.claim(ctx, old.key, c.member().key); ours || err != nil {
		t.Errorf("claims: %v, %v", ours, err)
	}
	if err := s.bury(ctx, old.key, c.member().key); err != nil {
		t.Error(err)
	}
	c.wantStored("z")
	if over, _, err := s.renew(ctx, c.member().key, info{Tag: c.Tag()}); over != 0 || err != nil {
		t.Errorf("the living one: %v, %v", over, err)
	}
}

// Five survivors notice the death of a node with 10,000 connections.
func TestFiveSurvivorsTellOnce(t *testing.T) {
	server := testenv.StartRedis(t)
	h := newHouse(t, connect(t, server))
	h.cfg.Page = 100
	h.join("a", "b", "c", "d", "e")
	victim := h.join("victim")[0]
	ids := numbered("x", 10_000)
	victim.add(ids...)
	dead := victim.member().key
	victim.Close()
	h.wantTold(dead, ids...)
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range h.told {
		if e.by != h.told[0].by {
			t.Fatalf("%s and %s told of one generation", e.by, h.told[0].by)
		}
	}
}

// The claimer is killed while it tells of a page. Another takes over.
func TestClaimerIsKilled(t *testing.T) {
	server := testenv.StartRedis(t)
	h := newHouse(t, connect(t, server))
	claimer := h.startProcess(server, "claimer", hangs)
	victim := h.join("victim")[0]
	ids := numbered("x", 700)
	victim.add(ids...)
	dead := victim.member().key
	victim.Close()
	var of string
	claimer.want("telling %s", &of)
	h.join("heir")
	claimer.kill()
	h.wantTold(dead, ids...)
	h.wantForgotten(claimer.key)
}

// What could not be told is told again, and nothing else.
func TestFailedPageIsToldAgain(t *testing.T) {
	server := testenv.StartRedis(t)
	h := newHouse(t, connect(t, server))
	h.cfg.Page = 50
	calls := 0
	heir := h.prepare("heir", Hooks{Dead: func(ctx context.Context, dead Node, records []Record) (int, error) {
		if calls++; calls == 2 {
			return 0, errors.New("backend is away")
		}
		return h.noteDead("heir")(ctx, dead, records)
	}})
	heir.wantJoin()
	victim := h.join("victim")[0]
	ids := numbered("x", 1000)
	victim.add(ids...)
	dead := victim.member().key
	victim.Close()
	h.wantTold(dead, ids...) // what was told before the failure not again, the rest once
	if n := heir.metric("claims_total", claimFailed); n != 1 {
		t.Errorf("counted %v failed claims", n)
	}
	eventually(t, func() bool { return heir.metric("claims_total", claimDone) == 1 })
}

// All nodes die. The next one to come, another one, tells of them.
func TestAllDie(t *testing.T) {
	server := testenv.StartRedis(t)
	h := newHouse(t, connect(t, server))
	nodes := h.join("a", "b")
	nodes[0].add("x")
	nodes[1].add("y")
	first, second := nodes[0].member().key, nodes[1].member().key
	nodes[0].Close()
	nodes[1].Close()
	h.wantExpiry()
	h.join("c")
	h.wantTold(first, "x")
	h.wantTold(second, "y")
}

// wantExpiry finds a key that would stay for ever.
func (h *house) wantExpiry() {
	h.t.Helper()
	keys, err := h.client.Keys(h.t.Context(), "*").Result()
	if err != nil || len(keys) == 0 {
		h.t.Fatalf("keys %v, %v", keys, err)
	}
	for _, k := range keys {
		if ttl, err := h.client.TTL(h.t.Context(), k).Result(); ttl <= 0 || err != nil {
			h.t.Errorf("%s stays for ever: %v, %v", k, ttl, err)
		}
	}
}

// A node that leaves has told of its connections itself.
func TestLeave(t *testing.T) {
	server := testenv.StartRedis(t)
	h := newHouse(t, connect(t, server))
	nodes := h.join("a", "b")
	a, b := nodes[0], nodes[1]
	a.add("x", "y")
	left := a.member().key
	if err := a.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.wantForgotten(left)
	eventually(t, func() bool { return len(b.Known()) == 1 })
	if n := b.metric("claims_total"); n != 0 {
		t.Errorf("was claimed %v times", n)
	}
	if _, ok := b.NodeByTag(a.Tag()); ok {
		t.Error("a node that left is alive")
	}
	h.wantExpiry()
	h.wantNothingTold()
	if err := a.Join(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("joins after it left: %v", err)
	}
	if err := a.Leave(t.Context()); err != nil {
		t.Errorf("leaves twice: %v", err)
	}
}

// A node that leaves ends the page that it tells of, and others go on at once.
func TestLeaveWhileTelling(t *testing.T) {
	server := testenv.StartRedis(t)
	h := newHouse(t, connect(t, server))
	h.cfg.Page = 50
	begun, goOn := make(chan struct{}, 100), make(chan struct{})
	teller := h.prepare("teller", Hooks{Dead: func(ctx context.Context, dead Node, records []Record) (int, error) {
		begun <- struct{}{}
		<-goOn
		return h.noteDead("teller")(ctx, dead, records)
	}})
	teller.wantJoin()
	victim := h.join("victim")[0]
	ids := numbered("x", 600)
	victim.add(ids...)
	dead := victim.member().key
	victim.Close()
	<-begun
	h.join("heir")
	left := make(chan error)
	go func() { left <- teller.Leave(t.Context()) }()
	<-teller.draining
	close(goOn)
	if err := <-left; err != nil {
		t.Fatal(err)
	}
	h.wantTold(dead, ids...)
	if len(begun) != 0 {
		t.Errorf("took %d pages more", len(begun))
	}
}

// A user who comes back on another node before the old one notices is not taken
// for gone.
func TestUserMovesToAnotherNode(t *testing.T) {
	server := testenv.StartRedis(t)
	h := newHouse(t, connect(t, server))
	nodes := h.join("a", "b")
	a, b := nodes[0], nodes[1]
	a.Put(Record{ID: "first", Namespace: "/", User: "ann"})
	a.wantFlush()
	b.Put(Record{ID: "second", Namespace: "/", User: "ann"})
	b.wantFlush()
	h.wantUser(b, "ann", map[string]int{"a": 1, "b": 1})
	a.Remove("first", nil)
	a.wantFlush()
	h.wantUser(b, "ann", map[string]int{"b": 1})
	// The same by death.
	a.Put(Record{ID: "third", Namespace: "/", User: "ann"})
	a.wantFlush()
	dead := a.member().key
	a.Close()
	h.wantTold(dead, "third")
	h.wantUser(b, "ann", map[string]int{"b": 1})
}
