package journal

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics counts what goes into the journal and comes out of it.
type metrics struct {
	following prometheus.Gauge
	appends   *prometheus.CounterVec // by outcome
	entries   prometheus.Counter
	tickets   *prometheus.CounterVec // by outcome
}

// The outcomes.
const (
	added     = "added"
	away      = "away"
	uncertain = "uncertain"

	saved       = "saved"
	failed      = "failed"
	refusedSave = "refused"
	tookOver    = "taken over"
)

func newMetrics(reg prometheus.Registerer) *metrics {
	auto := promauto.With(reg)
	return &metrics{
		following: auto.NewGauge(prometheus.GaugeOpts{
			Name: "realtime_journal_following", Help: "1 while the journal is read, so that events reach all nodes in order.",
		}),
		appends: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "realtime_journal_appends_total", Help: "Events for the journal, by outcome: added, away, uncertain.",
		}, []string{"outcome"}),
		entries: auto.NewCounter(prometheus.CounterOpts{
			Name: "realtime_journal_entries_total", Help: "Entries of the journal that were read.",
		}),
		tickets: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "realtime_journal_tickets_total",
			Help: "Tickets of clients that may come back, by outcome: saved, failed, refused, taken over.",
		}, []string{"outcome"}),
	}
}
