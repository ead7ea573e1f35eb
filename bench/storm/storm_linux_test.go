package storm

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/seed52a35d2d/realtime-server/bench/internal/process"
	"github.com/seed52a35d2d/realtime-server/bench/internal/report"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

var (
	full  = flag.Bool("full", false, "the sizes of docs/benchmarks.md instead of small ones")
	write = flag.Bool("write", false, "renew the section of docs/benchmarks.md")
)

// sizes say how big the storm is, and what the backend can do.
type sizes struct {
	clients, residents int
	desks, perSecond   int
	maxInFlight        int
	timeout            time.Duration
	calm               time.Duration // for which residents are measured before
}

func chosen() sizes {
	if *full {
		return sizes{
			clients: 5_000, residents: 200, desks: 20, perSecond: 200, maxInFlight: 40,
			timeout: 5 * time.Second, calm: 10 * time.Second,
		}
	}
	return sizes{
		clients: 150, residents: 5, desks: 10, perSecond: 100, maxInFlight: 20,
		timeout: time.Second / 2, calm: time.Second / 2,
	}
}

// ideal is how long the backend needs for so many questions.
func (z sizes) ideal(questions int) time.Duration {
	return time.Duration(questions) * time.Second / time.Duration(z.perSecond)
}

// scene is one way to meet a storm.
type scene struct {
	name string
	// outage is the section of the configuration, in YAML.
	outage string
	// oneCredential is what all clients show; otherwise each has its own.
	oneCredential bool
}

var scenes = []scene{
	{name: "`policy: refuse`, pages try again", outage: "{}"},
	{name: "`policy: close`", outage: "{policy: close}"},
	{name: "`policy: stale`, otherwise `close`", outage: "{policy: stale, otherwise: close}"},
	{name: "`coalesce`, one credential", outage: "{policy: close, coalesce: true}", oneCredential: true},
}

// slack is what a server may use for everything beside its clients: it collects
// garbage when it likes.
const slack = 64 << 20

// perClient bounds what a client may cost that waits at the door: a goroutine, a
// call, and the request of its WebSocket.
const perClient = 32 << 10

// TestStorm prints a table. It asserts that all come back in about the time that
// the backend allows, that its limit is kept, that nobody else notices, and that
// memory is bounded.
func TestStorm(t *testing.T) {
	machine, err := report.ThisMachine(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	z := chosen()
	results := &results{day: time.Now().Format(time.DateOnly), machine: machine, sizes: z}
	for _, s := range scenes {
		t.Run(s.name, func(t *testing.T) { results.rows = append(results.rows, meet(t, z, s)) })
	}
	t.Logf("\n%s", results.table())
	if *write && !t.Failed() {
		publish(t, results)
	}
}

// meet is a storm from its calm to its end.
func meet(t *testing.T, z sizes, s scene) row {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	backend := newBackend(z.desks, z.perSecond)
	server := process.Realtime(t, "../..",
		"--backend", backend.serve(t),
		"--set", "admin.pprof=true",
		"--set", fmt.Sprintf("backend.max_in_flight=%d", z.maxInFlight),
		"--set", fmt.Sprintf("backend.timeout=%s", z.timeout),
		"--set", fmt.Sprintf("namespaces={/: {outage: %s}}", s.outage),
	)
	here, err := settle(ctx, server.Addresses["http"], api(t, server), z.residents)
	if err != nil {
		t.Fatal(err)
	}
	defer here.leave()
	all := &crowd{address: server.Addresses["http"], token: func(i int) string {
		if s.oneCredential {
			return "all"
		}
		return fmt.Sprint("client ", i)
	}}
	if err := all.connect(ctx, z.clients, 50); err != nil {
		t.Fatal(err)
	}
	defer all.drop()

	lives, end := context.WithCancel(ctx)
	living := make(chan error, 1)
	go func() { living <- here.live(lives) }()
	pause(ctx, z.calm)
	r := row{scene: s.name, calm: here.measured(), residentBefore: server.Resident(t)}
	peak := watch(t, server)
	backend.slow.Store(true)
	took, err := all.storm(ctx)
	if err != nil {
		t.Error(err)
	}
	end()
	if err := <-living; err != nil {
		t.Error(err)
	}
	if err := here.complete(ctx); err != nil {
		t.Error(err)
	}
	r.residentPeak = peak()
	r.during, r.failedAsks, r.asks = here.measured(), int(here.failed.Load()), int(here.asked.Load())
	r.attempts, r.calls, r.mostAtOnce = int(all.attempts.Load()), int(backend.calls.Load()), backend.most()
	slices.Sort(took)
	r.took = took
	check(t, z, s, all, r)
	return r
}

// check holds a storm to what it promises.
func check(t *testing.T, z sizes, s scene, all *crowd, r row) {
	t.Helper()
	questions := z.clients
	if s.oneCredential {
		questions = 1
	}
	if bound := z.ideal(questions)*3/2 + 3*reconnectionDelayMax; len(r.took) > 0 && r.took[len(r.took)-1] > bound {
		t.Errorf("the last client was back after %v, want at most %v", r.took[len(r.took)-1], bound)
	}
	if r.mostAtOnce > z.maxInFlight {
		t.Errorf("the backend had %d calls at once, want at most %d", r.mostAtOnce, z.maxInFlight)
	}
	if s.oneCredential && r.calls > z.clients/10 {
		t.Errorf("%d calls for one credential", r.calls)
	}
	if n := all.lost.Load(); n > 0 {
		t.Errorf("%d clients that were back have lost their connection", n)
	}
	if bound := r.residentBefore + z.clients*perClient + slack; r.residentPeak > bound {
		t.Errorf("the server has used %d bytes, want at most %d", r.residentPeak, bound)
	}
}

// watch looks at the server's memory until it is asked for the peak.
func watch(t *testing.T, p *process.Process) (peak func() int) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	highest := 0
	go func() {
		done <- every(ctx, 20*time.Millisecond, func() error {
			now, err := p.ResidentNow()
			highest = max(highest, now)
			return err
		})
	}()
	return func() int {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		return highest
	}
}

func api(t *testing.T, p *process.Process) realtimev1.RealtimeClient {
	t.Helper()
	conn, err := grpc.NewClient(p.Addresses["grpc"], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return realtimev1.NewRealtimeClient(conn)
}

// publish writes the results where readers look for them.
func publish(t *testing.T, r *results) {
	t.Helper()
	page := filepath.Join("../..", "docs", "benchmarks.md")
	old, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	document, err := report.Renew(string(old), "make bench-storm", r.section())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(page, []byte(document), 0o644); err != nil { //nolint:gosec // for everybody to read
		t.Fatal(err)
	}
}
