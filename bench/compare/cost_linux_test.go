package compare

import (
	"time"

	"github.com/seed52a35d2d/realtime-server/bench/internal/report"
)

// per is a cost of one unit of work, in µs.
func per(used time.Duration, units int) report.Value {
	if units == 0 {
		return report.Value{}
	}
	return report.Value{Number: float64(used) / float64(time.Microsecond) / float64(units)}
}

// cost is the processor time that the server uses meanwhile.
func (s *subject) cost(work func()) time.Duration {
	before := s.used()
	work()
	return s.used() - before
}

// used is the processor time of a server so far, 0 if it has ended.
func (s *subject) used() time.Duration {
	used, err := s.process.CPU()
	if _, died := s.process.Died(0); err != nil && !died {
		s.t.Fatal(err)
	}
	return used
}

// settle waits until the server does nothing more than now and then: it has
// forgotten the clients that left.
func (s *subject) settle() {
	const (
		look  = 20 * time.Millisecond
		quiet = time.Millisecond // of processor time in between
		looks = 500              // at most
	)
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	before := s.used()
	for range looks {
		<-ticker.C
		now := s.used()
		if now-before < quiet {
			return
		}
		before = now
	}
}
