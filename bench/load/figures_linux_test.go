package load

import (
	"testing"
	"time"
)

// The sizes of what is measured.
const (
	audience   = 1_000
	broadcasts = 200
	payload    = 128
	rounds     = 100
)

// usage is what the server has used so far.
type usage struct {
	cpu     time.Duration
	mallocs float64
}

// TestFigures measures what the server uses for one unit of work. It asserts
// nothing but that the work was done: the figures are for people.
func TestFigures(t *testing.T) {
	w := newWorld(t)
	t.Run("Visit", func(t *testing.T) {
		w.measure(t, "connect", audience, func() {
			if _, err := w.entry().Visit(within(t), audience); err != nil {
				t.Error(err)
			}
		})
	})
	t.Run("Hold", w.memory)
	t.Run("Echo", func(t *testing.T) {
		conns := w.connect(within(t), t, talkers)
		w.measure(t, "event with ack", talkers*rounds, func() {
			if err := RoundTrips(conns, rounds); err != nil {
				t.Error(err)
			}
		})
	})
	t.Run("Isolated", func(t *testing.T) { w.broadcast(t, "delivery, 1 broadcast at a time", 1) })
	t.Run("Burst", func(t *testing.T) { w.broadcast(t, "delivery, 32 broadcasts at a time", 32) })
}

// broadcast measures one event for many clients.
func (w *world) broadcast(t *testing.T, unit string, callers int) {
	t.Helper()
	ctx := within(t)
	d := Delivery{
		Sender:   API{w.api, audience},
		Clients:  w.connect(ctx, t, audience),
		Pace:     Pace{PerSecond: 1_000_000, Total: broadcasts}, // as fast as the callers can
		Parallel: callers,
		Payload:  payload,
	}
	w.measure(t, unit, audience*broadcasts, func() {
		if counts, _, err := d.Run(ctx); err != nil || counts.Lost+counts.Repeated > 0 {
			t.Errorf("%v, %v", counts, err)
		}
	})
}

// measure says what a unit of work costs the server.
func (w *world) measure(t *testing.T, unit string, units int, work func()) {
	t.Helper()
	before := w.usage(t)
	start := time.Now()
	work()
	elapsed := time.Since(start)
	after := w.usage(t)
	t.Logf("%s: %.2f µs CPU, %.2f allocations, %.2f µs elapsed",
		unit,
		float64(after.cpu-before.cpu)/float64(time.Microsecond)/float64(units),
		(after.mallocs-before.mallocs)/float64(units),
		float64(elapsed)/float64(time.Microsecond)/float64(units))
}

func (w *world) usage(t *testing.T) usage {
	t.Helper()
	mallocs := w.metrics(t)["go_memstats_mallocs_total"]
	cpu, err := w.server.CPU()
	if err != nil {
		t.Fatal(err)
	}
	return usage{cpu, mallocs}
}

// memory measures what an idle connection costs.
func (w *world) memory(t *testing.T) {
	ctx := within(t)
	live := func() (heap, stack, resident float64) {
		if err := w.server.CollectGarbage(ctx); err != nil {
			t.Fatal(err)
		}
		m := w.metrics(t)
		return m["go_memstats_heap_alloc_bytes"], m["go_memstats_stack_inuse_bytes"], m["process_resident_memory_bytes"]
	}
	w.await(t, 0)
	heap, stack, resident := live()
	conns := w.connect(ctx, t, held)
	heapAfter, stackAfter, residentAfter := live()
	per := func(bytes float64) float64 { return bytes / float64(len(conns)) / 1024 }
	t.Logf("idle connection: %.1f KB of heap, %.1f KB of stack; %.1f KB more resident",
		per(heapAfter-heap), per(stackAfter-stack), per(residentAfter-resident))
}
