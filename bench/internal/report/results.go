// Package report keeps what a benchmark has measured, and shows it: as JSON, as
// a table, as a chart, and in a document between two marks.
package report

import (
	"encoding/json"
	"slices"
)

// Results are everything that one run has measured.
type Results struct {
	// Day is when that was.
	Day     string  `json:"day"`
	Machine Machine `json:"machine"`
	// Rounds is how often everything was measured.
	Rounds int `json:"rounds"`
	// Subjects are the servers, ours first. The last one is the floor, which
	// the others are held against.
	Subjects []string       `json:"subjects"`
	Rows     []*Row         `json:"rows"`
	Slow     []SlowConsumer `json:"slow_consumer,omitempty"`
}

// Row is one thing that was measured.
type Row struct {
	Name string `json:"name"`
	Unit string `json:"unit"`
	// More is better, or less.
	More bool `json:"more_is_better,omitempty"`
	// Drawn rows are part of the chart.
	Drawn bool `json:"-"`
	// Values are those of each subject, one for each round.
	Values map[string][]Value `json:"values"`
}

// Value is what one round has measured, or why there is nothing.
type Value struct {
	Number float64 `json:"number"`
	// Lost of Sent did not arrive.
	Lost int `json:"lost,omitempty"`
	Sent int `json:"sent,omitempty"`
	// Failure says why there is no number.
	Failure string `json:"failure,omitempty"`
}

// SlowConsumer is one round of a room with clients that stop reading.
type SlowConsumer struct {
	Room     int `json:"room"`
	Stalled  int `json:"stalled"`
	MaxQueue int `json:"max_queue_bytes"`
	// Closed is how many sessions ended as slow consumers.
	Closed int `json:"closed"`
	// P99 are the latencies of the others, in ms, when all read and when some
	// do not.
	P99Before float64 `json:"p99_ms_when_all_read"`
	P99During float64 `json:"p99_ms_with_stalled"`
	// Resident is the server's memory in bytes, before the broadcasts with
	// stalled clients and at most during them.
	ResidentBefore int `json:"resident_before_bytes"`
	ResidentPeak   int `json:"resident_peak_bytes"`
}

// Add notes what a subject has reached in one round.
func (r *Row) Add(subject string, v Value) {
	if r.Values == nil {
		r.Values = map[string][]Value{}
	}
	r.Values[subject] = append(r.Values[subject], v)
}

// Median is that of the rounds that have a number; false if none has.
func (r *Row) Median(subject string) (float64, bool) {
	var numbers []float64
	for _, v := range r.Values[subject] {
		if v.Failure == "" {
			numbers = append(numbers, v.Number)
		}
	}
	return median(numbers), len(numbers) > 0
}

// median is 0 of nothing.
func median(numbers []float64) float64 {
	if len(numbers) == 0 {
		return 0
	}
	slices.Sort(numbers)
	half := len(numbers) / 2
	if len(numbers)%2 == 0 {
		return (numbers[half-1] + numbers[half]) / 2
	}
	return numbers[half]
}

// JSON is for machines.
func (r *Results) JSON() ([]byte, error) {
	text, err := json.MarshalIndent(r, "", "  ")
	return append(text, '\n'), err
}
