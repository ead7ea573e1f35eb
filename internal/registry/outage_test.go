package registry

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed52a35d2d/realtime-server/internal/testenv"
)

// Redis is absent when a node starts. It has a tag at once, takes connections,
// and joins when Redis comes.
func TestRedisIsAbsentAtStart(t *testing.T) {
	server := testenv.StartRedis(t)
	server.Kill()
	h := newHouse(t, connect(t, server))
	a := h.prepare("a", Hooks{})
	tag := a.Tag()
	if len(tag) != TagLength {
		t.Errorf("tag is %q", tag)
	}
	a.Put(Record{ID: "x", Namespace: "/", Value: []byte("value of x")})
	soon, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := a.Join(soon); !errors.Is(err, ErrUnavailable) {
		t.Errorf("joins without redis: %v", err)
	}
	if held(a) || a.Self().Generation != 0 {
		t.Error("has a lease without redis")
	}
	eventually(t, func() bool { return a.metric("renewals_total", "failed") > 1 })
	server.Start()
	a.wantJoin()
	a.wantStored("x")
	if a.Tag() != tag {
		t.Errorf("tag %q became %q", tag, a.Tag())
	}
}

// Redis is killed and comes back with nothing. Everybody registers again under
// a new generation, and in the meantime nobody counts as gone.
func TestRedisRestarts(t *testing.T) {
	server := testenv.StartRedis(t)
	h := newHouse(t, connect(t, server))
	nodes := h.join("a", "b", "c")
	ids := map[string][]string{}
	for _, n := range nodes {
		ids[n.id] = numbered(n.id, 300)
		n.add(ids[n.id]...)
	}
	watched := watchAlive(nodes[0], nodes)
	before := nodes[0].Self()
	server.Kill()
	nodes[1].Remove(ids["b"][0], nil)
	server.Start()
	for _, n := range nodes {
		if e := h.wantEnding(n.id, Forgotten, 1); n.id == "a" && e.Generation != before.Generation {
			t.Errorf("ended is %d, not %d", e.Generation, before.Generation)
		}
		n.wantJoin()
	}
	nodes[0].wantStored(ids["a"]...)
	nodes[1].wantStored(ids["b"][1:]...)
	nodes[2].wantStored(ids["c"]...)
	after := nodes[0].Self()
	if after.Generation <= before.Generation || after.Tag != before.Tag || !after.Started.Equal(before.Started) {
		t.Errorf("was %+v, is %+v", before, after)
	}
	if gone := watched(); gone != "" {
		t.Errorf("node %s was gone for a moment", gone)
	}
	h.wantNothingTold()
}

// watchAlive looks all the time whether a node sees all of these. The function
// that it returns ends that.
func watchAlive(by *node, all []*node) (gone func() string) {
	stop, found := make(chan struct{}), make(chan string)
	go func() {
		missing := ""
		for tick := time.NewTicker(time.Millisecond); ; {
			select {
			case <-tick.C:
				for _, n := range all {
					if _, ok := by.NodeByTag(n.Tag()); !ok {
						missing = n.id
					}
				}
			case <-stop:
				found <- missing
				return
			}
		}
	}()
	return func() string {
		close(stop)
		return <-found
	}
}

// Redis hangs for longer than all leases. That says nothing about the nodes.
func TestRedisHangs(t *testing.T) {
	server := testenv.StartRedis(t)
	h := newHouse(t, connect(t, server))
	nodes := h.join("a", "b", "c")
	generations := map[string]uint64{}
	for _, n := range nodes {
		n.add(n.id + "1")
		generations[n.id] = n.Self().Generation
	}
	server.Pause()
	for _, n := range nodes {
		eventually(t, func() bool { return !held(n) })
		n.Put(Record{ID: n.id + "2", Namespace: "/", Value: []byte("value of " + n.id + "2")})
	}
	server.Resume()
	for _, n := range nodes {
		eventually(t, func() bool { return held(n) })
		n.wantStored(n.id+"1", n.id+"2")
		if g := n.Self().Generation; g != generations[n.id] {
			t.Errorf("%s has another generation", n.id)
		}
	}
	h.wantNothingTold()
}

// Redis is full and refuses to write. Afterwards all is as before.
func TestRedisIsFull(t *testing.T) {
	server := testenv.StartRedis(t)
	h := newHouse(t, connect(t, server))
	nodes := h.join("a", "b")
	before := nodes[0].Self().Generation
	if err := h.client.ConfigSet(t.Context(), "maxmemory", "1").Err(); err != nil {
		t.Fatal(err)
	}
	nodes[0].Put(Record{ID: "x", Namespace: "/", Value: []byte("value of x")})
	eventually(t, func() bool { return !held(nodes[0]) && !held(nodes[1]) })
	if err := h.client.ConfigSet(t.Context(), "maxmemory", "0").Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return held(nodes[0]) && held(nodes[1]) })
	nodes[0].wantStored("x")
	if nodes[0].Self().Generation != before {
		t.Error("has another generation")
	}
	h.wantNothingTold()
}

// Redis evicts what it likes. Nodes come back, and write all of theirs again.
func TestEviction(t *testing.T) {
	server := testenv.StartRedis(t, "--maxmemory-policy", "allkeys-random")
	h := newHouse(t, connect(t, server))
	nodes := h.join("a", "b")
	for _, n := range nodes {
		n.add(numbered(n.id, 200)...)
	}
	before := nodes[0].metric("comparisons_total")
	if err := h.client.ConfigSet(t.Context(), "maxmemory", "1").Err(); err != nil {
		t.Fatal(err)
	}
	// With this limit, every write has Redis remove all keys before.
	eventually(t, func() bool { return nodes[0].metric("generations_ended_total", "forgotten") > 0 })
	if err := h.client.ConfigSet(t.Context(), "maxmemory", "0").Err(); err != nil {
		t.Fatal(err)
	}
	for _, n := range nodes {
		n.wantJoin()
		n.wantStored(numbered(n.id, 200)...)
	}
	if nodes[0].metric("comparisons_total") <= before {
		t.Error("counted nothing")
	}
	h.wantNothingTold()
}

// Only the connections of a node are evicted. It keeps its generation.
func TestConnectionsAreEvicted(t *testing.T) {
	server := testenv.StartRedis(t)
	h := newHouse(t, connect(t, server))
	a := h.join("a")[0]
	a.add(numbered("x", 300)...)
	before := a.Self().Generation
	for range 2 {
		if err := a.store.drop(t.Context(), a.member().key); err != nil {
			t.Fatal(err)
		}
		a.wantStored(numbered("x", 300)...)
	}
	if err := a.store.drop(t.Context(), a.member().key); err != nil {
		t.Fatal(err)
	}
	a.Remove("x00007", nil)
	a.wantStored(append(numbered("x", 7), numbered("x", 300)[8:]...)...)
	if a.Self().Generation != before {
		t.Error("has another generation")
	}
}

// The clock of Redis is hours away from that of the nodes, and jumps while they
// run. Nobody dies of that, and who dies is noticed all the same.
func TestClockOfRedisJumps(t *testing.T) {
	server, shift := startShifted(t)
	shift(-48 * time.Hour)
	h := newHouse(t, connect(t, server))
	nodes := h.join("a", "b", "c")
	if ahead := time.Until(nodes[0].Self().Started); ahead > -47*time.Hour {
		t.Fatalf("the clock was not moved: started %v from now", ahead)
	}
	for _, jump := range []time.Duration{3 * time.Hour, -3 * time.Hour, 12 * time.Hour} {
		shift(jump)
		h.wantRenewals(4, nodes...) // all leases of before have ended
		for _, n := range nodes {
			if known := n.Known(); len(known) != 3 {
				t.Errorf("%s knows %v", n.id, known)
			}
		}
	}
	h.mu.Lock()
	if len(h.endings) > 0 {
		t.Errorf("generations were over: %v", h.endings)
	}
	h.mu.Unlock()
	h.wantNothingTold()
	// Here the leases that were given last seem to last for three hours more.
	nodes[2].add("x")
	dead := nodes[2].member().key
	nodes[2].Close()
	shift(-3 * time.Hour)
	h.wantTold(dead, "x")
}

// wantRenewals waits until each of these has renewed so many times from now on.
func (h *house) wantRenewals(times float64, nodes ...*node) {
	h.t.Helper()
	goal := map[*node]float64{}
	for _, n := range nodes {
		goal[n] = n.metric("renewals_total", "ok") + times
	}
	for _, n := range nodes {
		eventually(h.t, func() bool { return n.metric("renewals_total", "ok") >= goal[n] })
	}
}

// startShifted starts a Redis whose clock can be moved against that of this
// machine.
func startShifted(t *testing.T) (server *testenv.Redis, shift func(time.Duration)) {
	t.Helper()
	dir := t.TempDir()
	library, file := filepath.Join(dir, "clockshift.so"), filepath.Join(dir, "shift")
	out, err := exec.Command("cc", "-shared", "-fPIC", "-O1", "-o", library, "testdata/clockshift.c").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	var total time.Duration
	shift = func(by time.Duration) {
		t.Helper()
		total += by
		b := binary.NativeEndian.AppendUint64(nil, uint64(total/time.Second))
		if _, err := f.WriteAt(b, 0); err != nil {
			t.Fatal(err)
		}
	}
	shift(0)
	t.Setenv("CLOCK_SHIFT_FILE", file)
	t.Setenv("LD_PRELOAD", library)
	server = testenv.StartRedis(t)
	if err := os.Unsetenv("LD_PRELOAD"); err != nil {
		t.Fatal(err)
	}
	return server, shift
}

// The only local clock is elapsed, which is monotonic, so no time of this
// machine can reach Redis or be compared with one that comes from there.
func TestOneClock(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, call := range []string{"time.Now", "time.Since", "time.Until"} {
			if strings.Contains(string(source), call) && file != "clock.go" {
				t.Errorf("%s uses %s", file, call)
			}
		}
	}
}
