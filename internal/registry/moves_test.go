package registry

import (
	"context"
	"testing"
	"time"

	"github.com/seed52a35d2d/realtime-server/internal/testenv"
)

// come registers a connection that was at other nodes before, and waits until it
// is written.
func (n *node) come(id string, at uint64, from ...string) {
	n.house.t.Helper()
	n.Put(n.house.coming(id, at, from...))
	ctx, cancel := context.WithTimeout(n.house.t.Context(), patience)
	defer cancel()
	n.Settled(ctx, id)
	if ctx.Err() != nil {
		n.house.t.Fatalf("%s has not settled", id)
	}
}

func (h *house) coming(id string, at uint64, from ...string) Record {
	return Record{
		ID: id, Namespace: "/", User: "user of " + id, Value: []byte("value of " + id), Move: &Move{From: from, At: at},
	}
}

// A connection that came from a node that dies is told of by its new node alone,
// also if it has ended there before anybody notices.
func TestMovedAndEnded(t *testing.T) {
	server := testenv.StartRedis(t)
	h := newHouse(t, connect(t, server))
	nodes := h.join("a", "b")
	a, b := nodes[0], nodes[1]
	a.add("moved", "gone")
	b.come("moved", 1, "a")
	h.wantUser(b, "user of moved", map[string]int{"b": 1})
	if n := b.metric("records_parted_total"); n != 1 {
		t.Errorf("counted %v", n)
	}
	b.Remove("moved", nil)
	b.wantFlush()
	dead := a.member().key
	a.Close()
	h.wantTold(dead, "gone")
	if n := b.metric("records_told_total"); n != 1 {
		t.Errorf("counted %v connections that were told", n)
	}
}

// The new node dies as well. Who finds it tells, and who finds the former one does not.
func TestMovedAndBothDie(t *testing.T) {
	server := testenv.StartRedis(t)
	h := newHouse(t, connect(t, server))
	nodes := h.join("a", "b")
	a, b := nodes[0], nodes[1]
	a.add("x")
	b.come("x", 1, "a")
	first, second := a.member().key, b.member().key
	a.Close()
	b.Close()
	h.join("c")
	h.wantTold(first)
	h.wantTold(second, "x")
}

// A connection goes on to a third node, since the second has died before it could
// write anything.
func TestMovedTwice(t *testing.T) {
	server := testenv.StartRedis(t)
	h := newHouse(t, connect(t, server))
	nodes := h.join("a", "c")
	a, c := nodes[0], nodes[1]
	h.cfg.Linger = time.Hour
	b := h.join("b")[0]
	a.add("x")
	b.Put(h.coming("x", 1, "a"))
	first, second := a.member().key, b.member().key
	a.Close()
	b.Close()
	c.come("x", 2, "b", "a")
	c.Remove("x", nil)
	c.wantFlush()
	h.wantTold(first)
	h.wantTold(second)
}

// A connection that has come back stays, whatever the node where it was meanwhile
// writes late.
func TestMovedThereAndBack(t *testing.T) {
	server := testenv.StartRedis(t)
	h := newHouse(t, connect(t, server))
	nodes := h.join("a", "b")
	a, b := nodes[0], nodes[1]
	a.add("x")
	b.come("x", 1, "a")
	a.come("x", 2, "b")
	b.come("x", 1, "a") // as if it had not been written before
	a.wantStored("x")
	if n := a.metric("records_parted_total") + b.metric("records_parted_total"); n != 2 {
		t.Errorf("parted %v times, want twice", n)
	}
	b.Remove("x", nil)
	b.wantFlush()
	dead := a.member().key
	a.Close()
	h.wantTold(dead, "x")
}

// A process comes with the node id of one that was killed, and gets its connection.
func TestMovedToTheSameID(t *testing.T) {
	server := testenv.StartRedis(t)
	h := newHouse(t, connect(t, server))
	told := make(chan struct{})
	b := h.prepare("b", Hooks{Dead: func(ctx context.Context, dead Node, records []Record) (int, error) {
		<-told
		return h.noteDead("b")(ctx, dead, records)
	}})
	b.wantJoin()
	p := h.startProcess(server, "a", tells)
	p.add("x", "y")
	p.kill()
	close(told)
	a := h.prepare("a", Hooks{})
	a.Put(h.coming("x", 1, "a"))
	a.wantJoin()
	a.Settled(t.Context(), "x")
	h.wantForgotten(p.key)
	a.wantStored("x")
}

// Connections come to a living node while another tells of the dead one. Those that
// were told of before they came have ended; the others are not told.
func TestMovedWhileItIsToldOf(t *testing.T) {
	server := testenv.StartRedis(t)
	h := newHouse(t, connect(t, server))
	h.cfg.Page = 10
	begun, goOn := make(chan []Record, 100), make(chan struct{})
	teller := h.prepare("teller", Hooks{Dead: func(ctx context.Context, dead Node, records []Record) (int, error) {
		begun <- records
		<-goOn
		return h.noteDead("teller")(ctx, dead, records)
	}})
	teller.wantJoin()
	victim := h.join("victim")[0]
	ids := numbered("x", 30)
	victim.add(ids...)
	dead := victim.member().key
	victim.Close()
	first := <-begun
	h.cfg.Lease = time.Hour // it does not tell
	b := h.prepare("b", Hooks{})
	b.wantJoin()
	for i, id := range ids {
		b.Put(h.coming(id, uint64(i+1), "victim"))
	}
	b.Settled(t.Context(), ids[0])
	b.wantFlush()
	close(goOn)
	var want []string
	for _, r := range first {
		want = append(want, r.ID)
	}
	h.wantTold(dead, want...)
	if len(begun) != 0 {
		t.Errorf("%d pages more were told", len(begun))
	}
}

// A node that leaves has its former nodes know of what came and ended at the last
// moment.
func TestMovedAndLeft(t *testing.T) {
	server := testenv.StartRedis(t)
	h := newHouse(t, connect(t, server))
	a := h.join("a")[0]
	a.add("x")
	h.cfg.Linger = time.Second // so nothing is written before
	b := h.prepare("b", Hooks{})
	b.wantJoin()
	b.Put(h.coming("x", 1, "a"))
	b.Remove("x", nil)
	if n := b.metric("records_spared_total"); n != 0 {
		t.Errorf("spared %v records that others have", n)
	}
	if err := b.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	dead := a.member().key
	a.Close()
	h.join("c")
	h.wantTold(dead)
}

// What came and went while Redis was away for long is not forgotten in the comparison
// that follows.
func TestMovesSurviveAComparison(t *testing.T) {
	l := newLedger(1 << 20)
	l.put(Record{ID: "x", Move: &Move{From: []string{"a"}, At: 1}})
	l.remove("x", nil)
	l.compareAll()
	if ids, ok := l.startComparing(); !ok || len(ids) != 0 {
		t.Fatalf("compares %v, %v", ids, ok)
	}
	l.doneComparing(false)
	changes := l.take(10, 1000)
	if len(changes) != 1 || !changes[0].remove || changes[0].moving == nil {
		t.Fatalf("takes %+v", changes)
	}
	l.done(changes, false)
	if !l.hasMoves() {
		t.Error("what could not be written is forgotten")
	}
	l.done(l.take(10, 1000), true)
	if l.hasMoves() || l.moved("x") != nil {
		t.Error("what was written is not done")
	}
}

// Moves that wait are bounded.
func TestTooManyMoves(t *testing.T) {
	l := newLedger(10 * moveOverhead)
	unmoved := 0
	for _, id := range numbered("x", 20) {
		if l.put(Record{ID: id, Move: &Move{From: []string{"a"}, At: 1}}) == noteUnmoved {
			unmoved++
		}
	}
	if n := len(l.moves); n > 10 || unmoved != 20-n {
		t.Errorf("%d moves wait, and %d were said not to", n, unmoved)
	}
}
