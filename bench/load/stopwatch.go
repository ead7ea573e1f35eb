package load

import (
	"math"
	"slices"
	"sync/atomic"
	"time"
)

// Stopwatch times the way of numbered events to clients, from the trigger to
// each arrival.
type Stopwatch struct {
	zero      time.Time
	triggered []atomic.Int64    // by number, since zero
	took      [][]time.Duration // by client, which owns its own
}

// NewStopwatch is for so many clients and so many events.
func NewStopwatch(clients, total int) *Stopwatch {
	return &Stopwatch{zero: time.Now(), triggered: make([]atomic.Int64, total), took: make([][]time.Duration, clients)}
}

func (s *Stopwatch) trigger(number int) { s.triggered[number].Store(int64(time.Since(s.zero))) }

func (s *Stopwatch) arrive(client, number int) {
	s.took[client] = append(s.took[client], time.Since(s.zero)-time.Duration(s.triggered[number].Load()))
}

// Note adds what somebody else has timed for a client.
func (s *Stopwatch) Note(client int, took time.Duration) {
	s.took[client] = append(s.took[client], took)
}

// Add takes over what another watch has timed.
func (s *Stopwatch) Add(other *Stopwatch) { s.took = append(s.took, other.took...) }

// Percentiles are the times that so many percent of the deliveries did not
// exceed, 0 if there was none.
func (s *Stopwatch) Percentiles(percents ...float64) []time.Duration {
	return percentiles(slices.Concat(s.took...), percents...)
}

func percentiles(all []time.Duration, percents ...float64) []time.Duration {
	slices.Sort(all)
	found := make([]time.Duration, len(percents))
	for i, percent := range percents {
		if len(all) > 0 {
			rank := int(math.Ceil(percent / 100 * float64(len(all))))
			found[i] = all[max(rank, 1)-1]
		}
	}
	return found
}
