package storm

import (
	"fmt"
	"strings"
	"time"

	"github.com/seed52a35d2d/realtime-server/bench/internal/report"
)

// results are those of a run.
type results struct {
	day     string
	machine report.Machine
	sizes   sizes
	rows    []row
}

// row is what became of one storm.
type row struct {
	scene string
	// took is how long each client was away, sorted.
	took []time.Duration
	// attempts are the clients', calls those of Authenticate.
	attempts, calls, mostAtOnce int
	calm, during                *watches
	asks, failedAsks            int

	residentBefore, residentPeak int
}

// section is what the document shows of a run.
func (r *results) section() string {
	z := r.sizes
	return fmt.Sprintf("Measured on %s: %s. %d clients, %d residents; the backend answers %d questions a second, %d at a time; "+
		"`backend.max_in_flight` %d, `backend.timeout` %v.\n\n%s",
		r.day, r.machine, z.clients, z.residents, z.perSecond, z.desks, z.maxInFlight, z.timeout, r.table())
}

func (r *results) table() string {
	var out strings.Builder
	out.WriteString("| storm | half are back after | all | attempts | calls of `Authenticate` | at once, at most | " +
		"p99 to residents, before and during | p99 of residents' acknowledgements | failed | resident before | at most |\n" +
		"|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, s := range r.rows {
		fmt.Fprintf(&out, "| %s | %s | %s | %d | %d | %d | %s | %s | %d of %d | %.0f MB | %.0f MB |\n",
			s.scene, seconds(at(s.took, 50)), seconds(at(s.took, 100)), s.attempts, s.calls, s.mostAtOnce,
			p99(s.calm, s.during, func(w *watches) time.Duration { return w.deliveries.Percentiles(99)[0] }),
			p99(s.calm, s.during, func(w *watches) time.Duration { return w.answers.Percentiles(99)[0] }),
			s.failedAsks, s.asks, float64(s.residentBefore)/1e6, float64(s.residentPeak)/1e6)
	}
	return out.String()
}

// at is the time after which so many percent are back.
func at(took []time.Duration, percent int) time.Duration {
	if len(took) == 0 {
		return 0
	}
	return took[max(1, len(took)*percent/100)-1]
}

func p99(calm, during *watches, of func(*watches) time.Duration) string {
	return fmt.Sprintf("%s, %s", milliseconds(of(calm)), milliseconds(of(during)))
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

func milliseconds(d time.Duration) string { return fmt.Sprintf("%.1f ms", d.Seconds()*1e3) }
