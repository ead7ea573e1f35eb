package ticket

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// What becomes of tickets.
const (
	issued    = "issued"
	full      = "full"       // none was issued for want of room
	notIssued = "not issued" // the store was away
	used      = "used"
	unknown   = "unknown" // or used, or too old
	away      = "away"    // nobody could tell
)

func newMetrics(reg prometheus.Registerer) *prometheus.CounterVec {
	return promauto.With(reg).NewCounterVec(prometheus.CounterOpts{
		Name: "realtime_tickets_total",
		Help: "Tickets, by outcome: issued, full, not issued, used, unknown, away.",
	}, []string{"outcome"})
}

func outcomeOfIssue(err error) string {
	switch {
	case err == nil:
		return issued
	case errors.Is(err, ErrFull):
		return full
	}
	return notIssued
}
