package registry

import (
	"context"
	"testing"

	"github.com/seed52a35d2d/realtime-server/internal/testenv"
)

// surrendering is a node that ends its connections when its generation is over.
func (h *house) surrendering(id string) *node {
	var n *node
	n = h.prepare(id, Hooks{Over: func(_ context.Context, e Ending) bool {
		if e.Reason != Forgotten {
			n.Surrender()
		}
		h.update(func() { h.endings[id] = append(h.endings[id], e) })
		return e.Reason != Superseded
	}})
	n.wantJoin()
	return n
}

// What Redis had of a generation that was claimed is told by others, and what it
// had not, by nobody else.
func TestSurrender(t *testing.T) {
	server := testenv.StartRedis(t)
	h := newHouse(t, connect(t, server))
	a := h.surrendering("a")
	a.add("x", "y")
	a.wantFlush()
	was := a.member().key
	// The process that comes with its id finds that it was paused.
	h.join("a")
	h.wantTold(was, "x", "y")
	eventually(t, func() bool { return a.Records() == 0 })
	a.Put(Record{ID: "late", Namespace: "/"})
	for id, want := range map[string]bool{"x": true, "y": true, "late": false} {
		if got := a.Told(t.Context(), id); got != want {
			t.Errorf("%s was told: %v", id, got)
		}
		a.Remove(id, nil)
	}
	if a.Told(t.Context(), "x") {
		t.Error("x was told twice")
	}
	if n := a.metric("records_surrendered_total"); n != 2 {
		t.Errorf("counted %v", n)
	}
}

// A node that did not run for a lease asks Redis before it says what others have
// told; one that cannot reach Redis says what it knows.
func TestToldWaits(t *testing.T) {
	server := testenv.StartRedis(t)
	h := newHouse(t, connect(t, server))
	a := h.surrendering("a")
	a.add("x")
	a.wantFlush()
	was := a.member().key
	// As if it had slept since it joined, while others have told.
	h.join("b")
	if err := h.client.HSet(t.Context(), a.store.directory(), "c:"+was.String(), "").Err(); err != nil {
		t.Fatal(err)
	}
	a.mu.Lock()
	a.attempt.began = elapsed() - a.cfg.Lease
	a.mu.Unlock()
	if !a.Told(t.Context(), "x") {
		t.Error("does not know that others tell of x")
	}
	h.wantTold(was, "x")
	a.wantJoin()
	server.Kill()
	a.mu.Lock()
	a.attempt.began = elapsed() - a.cfg.Lease
	a.mu.Unlock()
	if a.Told(t.Context(), "z") {
		t.Error("z was told")
	}
}
