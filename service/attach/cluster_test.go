package attach

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/codes"

	clusterv1 "github.com/seed52a35d2d/realtime-server/gen/realtime/cluster/v1"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/internal/redisbus"
	"github.com/seed52a35d2d/realtime-server/internal/testenv"
	"github.com/seed52a35d2d/realtime-server/service/cluster"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// brisk are times for nodes that hear each other over a real Redis.
func brisk(t *times) { t.pulse, t.silent = 50*time.Millisecond, time.Second }

// member is a node of a cluster.
type member struct {
	*world
	// die ends what the node says and hears, without a word to anybody.
	die func()
}

var lives atomic.Int64

// join makes a node of the cluster on a Redis.
func join(tb testing.TB, redis *testenv.Redis, tag string, changes ...func(*times)) *member {
	tb.Helper()
	cfg := redisbus.DefaultConfig()
	cfg.Addresses, cfg.CallTimeout, cfg.ProbeInterval = []string{redis.Address()}, 500*time.Millisecond, 100*time.Millisecond
	log := slog.New(slog.DiscardHandler)
	bus, err := redisbus.New(cfg, log, prometheus.NewRegistry())
	if err != nil {
		tb.Fatal(err)
	}
	self := cluster.Self{Tag: tag, Generation: lives.Add(1)}
	m := &member{}
	m.die = sync.OnceFunc(func() { bus.Close() })
	var c *cluster.Cluster
	m.world = newNode(tb, func(hub *Hub) Peers {
		c = cluster.New(cluster.Params{
			Bus: bus, Self: func() cluster.Self { return self }, Node: noSockets{}, Interest: sio.NewInterest(),
			Has: func(sio.Group) bool { return false }, Attached: hub, Log: log, Metrics: prometheus.NewRegistry(),
		})
		c.Start()
		return c
	}, append([]func(*times){brisk}, changes...)...)
	tb.Cleanup(func() {
		m.close()
		c.Close()
		m.die()
	})
	until(tb, "the node hears others", func() bool { return bus.Health().State == redisbus.StateOK })
	return m
}

// noSockets is a node without connections.
type noSockets struct{}

func (noSockets) Do(*clusterv1.Call) (*clusterv1.Reply, cluster.Later) {
	return &clusterv1.Reply{}, nil
}

// knows waits until a node knows of so many free credits on others.
func (m *member) knows(tb testing.TB, free int) {
	tb.Helper()
	g := m.hub.groups[groupName]
	until(tb, "the node knows of the others' credits", func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		sum := 0
		for _, n := range g.nodes {
			for _, s := range n.servings {
				sum += s.free
			}
		}
		return sum == free
	})
}

func TestWorkerOfAnotherNode(t *testing.T) {
	redis := testenv.StartRedis(t)
	a, b := join(t, redis, "aaaa"), join(t, redis, "bbbb")
	r := b.attach(t, 2)
	a.knows(t, 2)
	ctx := within(t, patience)
	for range 3 {
		done := a.event(ctx, "x")
		r.answer(r.next())
		if got := want(t, done); got.err != nil {
			t.Fatal(got.err)
		}
	}
	failed := a.authenticate(ctx)
	r.result(&realtimev1.AttachResult{Id: r.next().GetId(), Outcome: &realtimev1.AttachResult_Error{
		Error: &realtimev1.AttachError{Code: int32(codes.PermissionDenied)},
	}})
	wantCode(t, want(t, failed).err, codes.PermissionDenied)
	empty := a.authenticate(ctx)
	r.result(&realtimev1.AttachResult{Id: r.next().GetId()})
	wantCode(t, want(t, empty).err, codes.Internal)
	if sent, taken := a.metric(t, "calls_forwarded_total"), b.metric(t, "calls_taken_total"); sent != 5 || taken != 5 {
		t.Errorf("%v were sent and %v taken", sent, taken)
	}

	// A worker of its own goes first.
	own := a.attach(t, 1)
	done := a.event(ctx, "x")
	own.answer(own.next())
	if got := want(t, done); got.err != nil {
		t.Error(got.err)
	}
	r.idle()
	// And while it is busy, another node's.
	first, second := a.event(ctx, "x"), a.event(ctx, "x")
	call := own.next()
	r.answer(r.next())
	own.answer(call)
	for _, done := range []<-chan reply[*realtimev1.OnEventResponse]{first, second} {
		if got := want(t, done); got.err != nil {
			t.Error(got.err)
		}
	}
}

// TestNewcomerHears: a node that comes later learns of workers within a pulse, and
// a call that cannot be served until then waits.
func TestNewcomerHears(t *testing.T) {
	redis := testenv.StartRedis(t)
	b := join(t, redis, "bbbb")
	r := b.attach(t, 1)
	a := join(t, redis, "aaaa")
	done := a.authenticate(within(t, patience))
	r.answer(r.next())
	if got := want(t, done); got.err != nil {
		t.Error(got.err)
	}
}

// TestCreditsOfAllNodes: three nodes call at once, and no worker ever has more calls
// than credits.
func TestCreditsOfAllNodes(t *testing.T) {
	const callers, calls = 20, 25 // of each node
	redis := testenv.StartRedis(t)
	nodes := []*member{join(t, redis, "aaaa"), join(t, redis, "bbbb"), join(t, redis, "cccc")}
	var workers sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	defer workers.Wait()
	defer stop()
	for i, credits := range []int32{1, 5} {
		r := nodes[i].attach(t, credits)
		var now atomic.Int32
		workers.Go(func() {
			for {
				select {
				case call := <-r.calls:
					if n := now.Add(1); n > credits {
						t.Errorf("a worker with %d credits has %d calls", credits, n)
					}
					workers.Go(func() {
						now.Add(-1)
						r.answer(call)
					})
				case <-ctx.Done():
					return
				}
			}
		})
	}
	nodes[2].knows(t, 6)
	var all sync.WaitGroup
	for _, node := range nodes {
		for range callers {
			all.Go(func() {
				for range calls {
					if _, err := node.backend.OnEvent(within(t, patience), eventRequest("x")); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	all.Wait()
	if taken := nodes[1].metric(t, "calls_taken_total"); taken == 0 {
		t.Error("the node with the most credits has taken no call of others")
	}
}

// TestWorkerOfAnotherNodeVanishes: as it does on the same node.
func TestWorkerOfAnotherNodeVanishes(t *testing.T) {
	redis := testenv.StartRedis(t)
	a, b, c := join(t, redis, "aaaa"), join(t, redis, "bbbb"), join(t, redis, "cccc")
	first := b.attach(t, 2)
	a.knows(t, 2)
	ctx := within(t, patience)
	who, event := a.authenticate(ctx), a.event(ctx, "x")
	first.next()
	first.next()
	second := c.attach(t, 2)
	a.knows(t, 2)
	first.cut()
	call := second.next()
	if n := contextOf(call).GetAttempt(); call.GetAuthenticate() == nil || n != 2 {
		t.Errorf("attempt %d of %v", n, call)
	}
	second.answer(call)
	if got := want(t, who); got.err != nil {
		t.Error(got.err)
	}
	wantCode(t, want(t, event).err, codes.Unavailable)
	second.idle()
}

// TestNodeOfTheWorkerDies: its calls fail or go elsewhere long before their time is
// over.
func TestNodeOfTheWorkerDies(t *testing.T) {
	redis := testenv.StartRedis(t)
	a, b, c := join(t, redis, "aaaa"), join(t, redis, "bbbb"), join(t, redis, "cccc")
	first := b.attach(t, 3)
	a.knows(t, 3)
	ctx := within(t, time.Minute)
	who, event := a.authenticate(ctx), a.event(ctx, "x")
	first.next()
	first.next()
	second := c.attach(t, 2)
	a.knows(t, 3)
	b.die()
	second.answer(second.next())
	if got := want(t, who); got.err != nil {
		t.Error(got.err)
	}
	wantCode(t, want(t, event).err, codes.Unavailable)
	a.knows(t, 2)
	first.cut() // or the dead node would wait for it
}

// TestNodeOfTheWorkerLeaves: calls that are with its workers are answered, others
// go elsewhere.
func TestNodeOfTheWorkerLeaves(t *testing.T) {
	redis := testenv.StartRedis(t)
	a, b, c := join(t, redis, "aaaa"), join(t, redis, "bbbb"), join(t, redis, "cccc")
	first := b.attach(t, 3)
	a.knows(t, 3)
	ctx := within(t, patience)
	event := a.event(ctx, "x")
	call := first.next()
	second := c.attach(t, 2)
	a.knows(t, 4)
	b.hub.Leave()
	want(t, first.moves)
	a.knows(t, 2)
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		b.close()
	}()
	others := a.event(ctx, "y")
	second.answer(second.next())
	if got := want(t, others); got.err != nil {
		t.Error(got.err)
	}
	first.answer(call)
	if got := want(t, event); got.err != nil {
		t.Error(got.err)
	}
	want(t, closed)
	first.idle()
}

// TestLastCallsOfANodeThatLeaves go to workers that have moved already.
func TestLastCallsOfANodeThatLeaves(t *testing.T) {
	redis := testenv.StartRedis(t)
	a, b := join(t, redis, "aaaa"), join(t, redis, "bbbb")
	old := a.attach(t, 3)
	a.hub.Leave()
	want(t, old.moves)
	moved := b.attach(t, 3)
	a.knows(t, 3)
	done := a.event(within(t, patience), "last")
	moved.answer(moved.next())
	if got := want(t, done); got.err != nil {
		t.Error(got.err)
	}
	old.idle()
}

func TestGivenUp(t *testing.T) {
	redis := testenv.StartRedis(t)
	a, b := join(t, redis, "aaaa"), join(t, redis, "bbbb")
	r := b.attach(t, 1)
	a.knows(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	done := a.authenticate(ctx)
	call := r.next()
	cancel()
	wantCode(t, want(t, done).err, codes.Canceled)
	if id := want(t, r.cancels); id != call.GetId() {
		t.Errorf("%d was cancelled", id)
	}
	r.answer(call)
	late := a.event(within(t, 100*time.Millisecond), "x")
	call = r.next()
	wantCode(t, want(t, late).err, codes.DeadlineExceeded)
	if id := want(t, r.cancels); id != call.GetId() {
		t.Errorf("%d was cancelled", id)
	}
}

// TestWaitsWhereCreditsComeFree: without a free credit anywhere a call waits on the
// node of the worker, and its own calls are no better off.
func TestWaitsWhereCreditsComeFree(t *testing.T) {
	redis := testenv.StartRedis(t)
	a, b := join(t, redis, "aaaa"), join(t, redis, "bbbb")
	r := b.attach(t, 1)
	a.knows(t, 1)
	ctx := within(t, patience)
	first := b.event(ctx, "first")
	call := r.next()
	a.knows(t, 0)
	second := a.event(ctx, "second")
	until(t, "it waits there", func() bool { return b.metric(t, "calls_waiting") == 1 })
	third := b.event(ctx, "third")
	until(t, "both wait", func() bool { return b.metric(t, "calls_waiting") == 2 })
	r.answer(call)
	for _, name := range []string{"second", "third"} {
		call := r.next()
		if got := call.GetOnEvent().GetEvent().GetName(); got != name {
			t.Errorf("the %s call comes in place of the %s", got, name)
		}
		r.answer(call)
	}
	for _, done := range []<-chan reply[*realtimev1.OnEventResponse]{first, second, third} {
		if got := want(t, done); got.err != nil {
			t.Error(got.err)
		}
	}
}

// TestWaitsForAWorkerThatLeaves: calls in its line go back, and to another node.
func TestWaitsForAWorkerThatLeaves(t *testing.T) {
	redis := testenv.StartRedis(t)
	a, b, c := join(t, redis, "aaaa"), join(t, redis, "bbbb"), join(t, redis, "cccc")
	full := b.attach(t, 0)
	g := a.hub.groups[groupName]
	until(t, "it is known", func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		return len(g.nodes) == 1
	})
	done := a.event(within(t, patience), "x") // may not be repeated, and was not begun
	until(t, "it waits there", func() bool { return b.metric(t, "calls_waiting") == 1 })
	other := c.attach(t, 1)
	a.knows(t, 1)
	full.draining()
	other.answer(other.next())
	if got := want(t, done); got.err != nil {
		t.Error(got.err)
	}
}

// TestTooLargeForTheWay: what is too large for Redis does not go there.
func TestTooLargeForTheWay(t *testing.T) {
	redis := testenv.StartRedis(t)
	a, b := join(t, redis, "aaaa"), join(t, redis, "bbbb")
	r := b.attach(t, 1)
	a.knows(t, 1)
	req := eventRequest("x")
	req.Event.Args = []*realtimev1.Arg{{Kind: &realtimev1.Arg_Json{Json: strings.Repeat("x", maxWork)}}}
	_, err := a.backend.OnEvent(within(t, 100*time.Millisecond), req)
	wantCode(t, err, codes.Unavailable)
	r.idle()
}

// TestRedisIsAway: calls of other nodes fail, or wait for a worker; those of the
// node's own workers go on.
func TestRedisIsAway(t *testing.T) {
	redis := testenv.StartRedis(t)
	a, b := join(t, redis, "aaaa"), join(t, redis, "bbbb")
	r := b.attach(t, 5)
	a.knows(t, 5)
	ctx := within(t, time.Minute)
	event := a.event(ctx, "x")
	r.next()
	redis.Kill()
	wantCode(t, want(t, event).err, codes.Unavailable)
	_, err := a.backend.Authenticate(within(t, time.Second), &realtimev1.AuthenticateRequest{Context: about("/")})
	wantCode(t, err, codes.Unavailable)
	own := b.event(ctx, "x")
	r.answer(r.next())
	if got := want(t, own); got.err != nil {
		t.Error(got.err)
	}
	redis.Start()
	until(t, "calls are answered again", func() bool {
		again := a.event(within(t, 500*time.Millisecond), "x")
		for {
			select {
			case call := <-r.calls:
				r.answer(call)
			case got := <-again:
				return got.err == nil
			}
		}
	})
}
