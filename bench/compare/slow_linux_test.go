package compare

import (
	"context"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/seed52a35d2d/realtime-server/bench/internal/client"
	"github.com/seed52a35d2d/realtime-server/bench/internal/process"
	"github.com/seed52a35d2d/realtime-server/bench/internal/report"
	"github.com/seed52a35d2d/realtime-server/bench/load"
)

// slowSizes say how big the room is, and what it is sent. 1,000 clients × 10
// events/s × 1 KiB are 10 MB/s.
type slowSizes struct {
	room, stalled, perSecond, bytes, queue int
	// events are a group. With stalled clients so many groups may pass until
	// these are closed.
	events, groups int
}

func chosenSlow() slowSizes {
	if *full {
		return slowSizes{room: 1_000, stalled: 10, perSecond: 10, bytes: 1024, events: 150, queue: 128 << 10, groups: 10}
	}
	return slowSizes{room: 50, stalled: 2, perSecond: 100, bytes: 32 << 10, events: 20, queue: 32 << 10, groups: 100}
}

// slack is what a server may use for everything beside its queues: it collects
// garbage when it likes.
const slack = 64 << 20

const slowReason = `realtime_engine_sessions_closed_total{reason="slow consumer"}`

// slowConsumer measures what clients that stop reading do to a room. It asserts
// that they are closed for their reason, that nobody else loses anything, and
// that memory stays bounded.
func slowConsumer(t *testing.T) report.SlowConsumer {
	t.Helper()
	z := chosenSlow()
	p := process.Realtime(t, "../..", "--set", "admin.pprof=true", "--set", fmt.Sprintf("socketio.max_queue=%d", z.queue))
	ctx, cancel := context.WithTimeout(t.Context(), lifetime)
	defer cancel()
	conns, _, err := load.Entry{Address: p.Addresses["http"], Concurrency: 50}.Connect(ctx, z.room)
	if err != nil {
		t.Fatal(err)
	}
	result := report.SlowConsumer{Room: z.room, Stalled: z.stalled, MaxQueue: z.queue}
	r := room{t: t, process: p, sender: api(t, p, 0), conns: conns, sizes: z}
	result.P99Before = r.p99(ctx, once)

	for range z.stalled {
		c, err := client.DialNarrow(ctx, p.Addresses["http"])
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	result.ResidentBefore = p.Resident(t)
	peak := r.watch()
	result.P99During = r.p99(ctx, r.untilClosed(ctx))
	result.ResidentPeak = peak()
	result.Closed = r.closed(ctx)

	if result.Closed != z.stalled {
		t.Errorf("%d sessions were closed as slow consumers, want %d", result.Closed, z.stalled)
	}
	if bound := result.ResidentBefore + z.stalled*z.queue + slack; result.ResidentPeak > bound {
		t.Errorf("the server has used %d bytes, want at most %d", result.ResidentPeak, bound)
	}
	return result
}

// room is a server with clients that all read.
type room struct {
	t       *testing.T
	process *process.Process
	sender  load.Sender
	conns   []*client.Conn
	sizes   slowSizes
}

// p99 sends events at the pace, in groups, as long as more says so, and
// returns how many ms 99 of 100 deliveries took at most.
func (r room) p99(ctx context.Context, more func(groups int) bool) float64 {
	r.t.Helper()
	all := load.NewStopwatch(0, 0)
	for groups := 0; more(groups); groups++ {
		watch := load.NewStopwatch(len(r.conns), r.sizes.events)
		d := load.Delivery{
			Sender: r.sender, Clients: r.conns, Patience: silence, Parallel: 1, Payload: r.sizes.bytes, Stopwatch: watch,
			Pace: load.Pace{PerSecond: r.sizes.perSecond, Total: r.sizes.events},
		}
		if counts, _, err := d.Run(ctx); err != nil || !counts.Perfect() {
			r.t.Errorf("those who read: %v, %v", counts, err)
			break
		}
		all.Add(watch)
	}
	return all.Percentiles(99)[0].Seconds() * 1000
}

// once is one group of events.
func once(groups int) bool { return groups < 1 }

// untilClosed is at least one group, and ends when all who are stalled are
// closed, or should be.
func (r room) untilClosed(ctx context.Context) func(groups int) bool {
	return func(groups int) bool {
		return groups == 0 || groups < r.sizes.groups && r.closed(ctx) < r.sizes.stalled
	}
}

// closed is how many sessions have ended as slow consumers.
func (r room) closed(ctx context.Context) int {
	r.t.Helper()
	metrics, err := r.process.Metrics(ctx)
	if err != nil {
		r.t.Fatal(err)
	}
	return int(metrics[slowReason])
}

// watch looks at the server's memory until it is asked for the peak.
func (r room) watch() (peak func() int) {
	var highest int
	var watcher errgroup.Group
	done := make(chan struct{})
	watcher.Go(func() error {
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		for {
			now, err := r.process.ResidentNow()
			if err != nil {
				return err
			}
			highest = max(highest, now)
			select {
			case <-done:
				return nil
			case <-ticker.C:
			}
		}
	})
	return func() int {
		close(done)
		if err := watcher.Wait(); err != nil {
			r.t.Error(err)
		}
		return highest
	}
}
