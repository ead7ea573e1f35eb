package registry

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/seed52a35d2d/realtime-server/internal/testenv"
	"github.com/seed52a35d2d/realtime-server/internal/testlog"
)

// A node that was started with another setting says so of each node that differs,
// once, and of no other.
func TestSettingsDiffer(t *testing.T) {
	server := testenv.StartRedis(t)
	h := newHouse(t, connect(t, server))
	log := &testlog.Log{}
	start := func(id string, settings map[string]string) *node {
		n := h.prepare(id, Hooks{})
		n.settings, n.log = settings, slog.New(slog.NewTextHandler(log, nil)).With(slog.String("of", id))
		n.wantJoin()
		eventually(t, func() bool { _, known := n.NodeByTag(n.Tag()); return known })
		return n
	}
	first := start("first", map[string]string{"store": "redis", "dialect": ""})
	start("same", map[string]string{"store": "redis", "dialect": ""})
	start("older", nil)
	last := start("other", map[string]string{"store": "memory", "dialect": "", "new": "1"})
	eventually(t, func() bool { _, known := first.NodeByTag(last.Tag()); return known })
	h.wantRenewals(2, first, last)
	found := log.Lines("different setting")
	if len(found) != 2 {
		t.Fatalf("logged %q", found)
	}
	for _, line := range found {
		for _, want := range []string{"level=WARN", "of=other", "key=store", "here=memory", "there=redis"} {
			if !strings.Contains(line, want) {
				t.Errorf("%q lacks %s", line, want)
			}
		}
	}
	if nodes, err := first.Nodes(t.Context()); err != nil || nodes[2].Settings["store"] != "memory" {
		t.Errorf("nodes are %+v, %v", nodes, err)
	}
}
