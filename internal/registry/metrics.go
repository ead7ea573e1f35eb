package registry

import "github.com/prometheus/client_golang/prometheus"

// metrics of one registry. Labels are bounded by the lists in this package.
type metrics struct {
	renewals   *prometheus.CounterVec
	endings    *prometheus.CounterVec
	tags       prometheus.Counter
	nodes      prometheus.Gauge
	joined     prometheus.Gauge
	written    prometheus.Counter
	removed    prometheus.Counter
	spared     prometheus.Counter
	deferred   prometheus.Counter
	failures   prometheus.Counter
	comparings prometheus.Counter
	claims     *prometheus.CounterVec
	told       prometheus.Counter
	given      prometheus.Counter
	parted     prometheus.Counter
}

// What became of a claim.
const (
	claimDone    = "done"
	claimLost    = "lost"    // another node has it now
	claimFailed  = "failed"  // Redis or the hook
	claimStopped = "stopped" // this node ends
)

func newMetrics(reg prometheus.Registerer, l *ledger) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "realtime_registry_" + name, Help: help})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: "realtime_registry_" + name, Help: help})
	}
	vec := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "realtime_registry_" + name, Help: help}, []string{label})
	}
	m := &metrics{
		renewals:   vec("renewals_total", "Attempts to join or to renew the lease: ok, over or failed.", "outcome"),
		endings:    vec("generations_ended_total", "Generations of this node that were over before it left: forgotten, claimed or superseded.", "reason"),
		tags:       counter("tags_changed_total", "Tags given up because another node had them."),
		nodes:      gauge("nodes", "Nodes that live, as of the last renewal."),
		joined:     gauge("joined", "1 if this node has a generation."),
		written:    counter("records_written_total", "Connections written to Redis."),
		removed:    counter("records_removed_total", "Connections removed from Redis."),
		spared:     counter("records_spared_total", "Connections that ended before they had to be written."),
		deferred:   counter("records_deferred_total", "Changes for which there was no room, left to a comparison."),
		failures:   counter("write_failures_total", "Batches that could not be written; they are tried again."),
		comparings: counter("comparisons_total", "Comparisons of all connections with Redis, with everything written again."),
		claims:     vec("claims_total", "Claims of dead nodes: done, lost, failed or stopped.", "outcome"),
		told:       counter("records_told_total", "Connections of dead nodes that somebody was told of."),
		given:      counter("records_surrendered_total", "Connections of this node that others tell of."),
		parted:     counter("records_parted_total", "Connections that came to this node, removed from what their former one had."),
	}
	reg.MustRegister(m.renewals, m.endings, m.tags, m.nodes, m.joined, m.written, m.removed,
		m.spared, m.deferred, m.failures, m.comparings, m.claims, m.told, m.given, m.parted,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "realtime_registry_records", Help: "Connections of this node.",
		}, func() float64 { entries, _ := l.counts(); return float64(entries) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "realtime_registry_pending_bytes", Help: "Bytes kept about changes that wait to be written.",
		}, func() float64 { _, pending := l.counts(); return float64(pending) }))
	return m
}

func (m *metrics) wrote(changes []change) {
	for _, c := range changes {
		if c.remove {
			m.removed.Inc()
		} else {
			m.written.Inc()
		}
	}
}
