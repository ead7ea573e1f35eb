package load

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/seed52a35d2d/realtime-server/bench/internal/client"
	"github.com/seed52a35d2d/realtime-server/bench/internal/process"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

// The sizes of the load. Every client and its connection in the server are
// one file each, in two processes with a limit of 20,000.
const (
	visitors    = 10_000
	held        = 19_000
	concurrency = 100
	talkers     = 100
	perSecond   = 500
	seconds     = 5
	timeout     = 3 * time.Minute
)

// world is a server, and what a test does with it.
type world struct {
	server  *process.Process
	api     realtimev1.RealtimeClient
	idle    float64 // goroutines before there was a client
	summary []string
}

// TestLoad holds a real server against its promises: no connect, no message
// lost, none out of order. How long that takes is nobody's promise.
func TestLoad(t *testing.T) {
	w := newWorld(t)
	t.Run("Visit", w.visit)
	t.Run("Hold", w.hold)
	t.Run("Echo", w.echo)
	t.Run("Deliver", w.deliver)
	t.Run("Leave", w.leave)
	fmt.Println("load:", strings.Join(w.summary, "; "))
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{server: process.Realtime(t, "../..", "--set", "admin.pprof=true")}
	conn, err := grpc.NewClient(w.server.Addresses["grpc"], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	w.api = realtimev1.NewRealtimeClient(conn)
	w.await(t, 0)
	w.idle = w.metrics(t)["go_goroutines"]
	return w
}

// within is a context for one part of the test.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	t.Cleanup(cancel)
	return ctx
}

// say keeps a result for the summary.
func (w *world) say(t *testing.T, format string, args ...any) {
	t.Helper()
	line := fmt.Sprintf(format, args...)
	w.summary = append(w.summary, line)
	t.Log(line)
}

func (w *world) entry() Entry {
	return Entry{Address: w.server.Addresses["http"], Concurrency: concurrency}
}

// connect returns clients that leave when the test ends.
func (w *world) connect(ctx context.Context, t *testing.T, clients int) []*client.Conn {
	t.Helper()
	conns, _, err := w.entry().Connect(ctx, clients)
	t.Cleanup(func() {
		for _, c := range conns {
			c.Close()
		}
	})
	if err != nil {
		t.Fatalf("%d of %d clients connected, then: %v", len(conns), clients, err)
	}
	return conns
}

func (w *world) visit(t *testing.T) {
	start := time.Now()
	answered, err := w.entry().Visit(within(t), visitors)
	w.say(t, "%d of %d connects answered in %.1f s", answered, visitors, time.Since(start).Seconds())
	if answered != visitors {
		t.Errorf("first error: %v", err)
	}
}

func (w *world) hold(t *testing.T) {
	ctx := within(t)
	wantDescriptors(t, held)
	before := w.resident(t)
	conns := w.connect(ctx, t, held)
	w.await(t, held)
	each := (w.resident(t) - before) / held / 1024
	w.say(t, "%.1f KB resident for each of %d idle connections", each, held)
	d := Delivery{Sender: API{w.api, held}, Clients: conns, Pace: Pace{PerSecond: perSecond, Total: 2}}
	counts, _, err := d.Run(ctx)
	w.say(t, "%d held at once, and 2 events for each: %v", len(conns), counts)
	if err != nil || !counts.Perfect() {
		t.Errorf("%v, %v", counts, err)
	}
}

func (w *world) echo(t *testing.T) {
	start := time.Now()
	counts, err := Echo(w.connect(within(t), t, talkers), Pace{PerSecond: perSecond, Total: perSecond * seconds})
	w.say(t, "events of %d clients, acknowledged: %v, in %.1f s", talkers, counts, time.Since(start).Seconds())
	if err != nil || !counts.Perfect() {
		t.Errorf("%v, %v", counts, err)
	}
}

func (w *world) deliver(t *testing.T) {
	ctx := within(t)
	start := time.Now()
	d := Delivery{
		Sender:  API{w.api, talkers},
		Clients: w.connect(ctx, t, talkers),
		Pace:    Pace{PerSecond: perSecond, Total: perSecond * seconds},
	}
	counts, _, err := d.Run(ctx)
	w.say(t, "events for %d clients: %v, in %.1f s", talkers, counts, time.Since(start).Seconds())
	if err != nil || !counts.Perfect() {
		t.Errorf("%v, %v", counts, err)
	}
}

// leave waits until the server has forgotten all clients, and what it did for
// them.
func (w *world) leave(t *testing.T) {
	w.await(t, 0)
	const others = 10 // those that serve this test itself
	until(t, func() bool { return w.metrics(t)["go_goroutines"] < w.idle+others })
	w.say(t, "goroutines before and after: %.0f, %.0f", w.idle, w.metrics(t)["go_goroutines"])
	if stderr := w.server.Stderr(); strings.Contains(stderr, `"level":"ERROR"`) {
		t.Errorf("the server has failed:\n%s", stderr)
	}
}

// resident is the memory of the server once its garbage is given back.
func (w *world) resident(t *testing.T) float64 {
	t.Helper()
	if err := w.server.CollectGarbage(within(t)); err != nil {
		t.Fatal(err)
	}
	return w.metrics(t)["process_resident_memory_bytes"]
}

// wantDescriptors fails where this process, and so the server, may not have so
// many connections.
func wantDescriptors(t *testing.T, connections uint64) {
	t.Helper()
	const others = 100 // beside the connections
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if limit.Max < connections+others {
		t.Fatalf("the limit of descriptors is %d: raise it to hold %d connections", limit.Max, connections)
	}
}

// await waits until the server has so many connections.
func (w *world) await(t *testing.T, connections int64) {
	t.Helper()
	ctx := within(t)
	until(t, func() bool {
		count, err := w.api.CountConnections(ctx, &realtimev1.CountConnectionsRequest{})
		if err != nil {
			t.Fatal(err)
		}
		return count.GetConnections() == connections
	})
}

// metrics are those of the server.
func (w *world) metrics(t *testing.T) map[string]float64 {
	t.Helper()
	metrics, err := w.server.Metrics(within(t))
	if err != nil {
		t.Fatal(err)
	}
	return metrics
}

// until asks again and again whether something has come true.
func until(t *testing.T, done func() bool) {
	t.Helper()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for range time.Minute / tick {
		if done() {
			return
		}
		<-ticker.C
	}
	t.Error("it does not come true")
}
