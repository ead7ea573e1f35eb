package registry

import (
	"testing"
	"time"

	"github.com/seed52a35d2d/realtime-server/internal/testenv"
)

// A node that has just joined is found before the others renew their leases,
// and Redis is not asked for each tag that somebody has invented.
func TestFind(t *testing.T) {
	server := testenv.StartRedis(t)
	h := newHouse(t, connect(t, server))
	h.cfg.Lease = time.Hour
	nodes := h.join("a")
	a, b := nodes[0], h.prepare("b", Hooks{})
	if _, ok := a.Find(t.Context(), b.Tag()); ok {
		t.Error("found before it has joined")
	}
	b.wantJoin()
	if n, ok := a.Find(t.Context(), b.Tag()); !ok || n.ID != "b" {
		t.Errorf("finds %v, although it has joined", n)
	}
	if _, ok := a.NodeByTag(b.Tag()); ok {
		t.Error("the lease was renewed: the test shows nothing")
	}
	if n, ok := a.Find(t.Context(), a.Tag()); !ok || n.ID != "a" {
		t.Errorf("finds %v instead of itself", n)
	}
	if _, ok := a.Find(t.Context(), "...."); ok {
		t.Error("an unknown tag is found")
	}
	// As if it had just been asked.
	a.finds.asked = elapsed() + time.Hour
	server.Kill()
	if _, ok := a.Find(t.Context(), b.Tag()); !ok {
		t.Error("asks again at once")
	}
	a.finds.asked = 0
	if _, ok := a.Find(t.Context(), b.Tag()); ok {
		t.Error("found without Redis")
	}
}
