package outage

import "github.com/prometheus/client_golang/prometheus"

// Metrics counts for all namespaces of a process. They are as the configuration
// names them, so the labels are bounded.
type Metrics struct {
	coalesced *prometheus.CounterVec // by namespace
	newcomers *prometheus.CounterVec // by namespace and outcome
	lookups   *prometheus.CounterVec // by namespace and result
	entries   *prometheus.GaugeVec   // by namespace
	bytes     *prometheus.GaugeVec   // by namespace
	away      *prometheus.GaugeVec   // by namespace
}

// NewMetrics registers the metrics with reg.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "realtime_outage_" + name, Help: help}, labels)
	}
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "realtime_outage_" + name, Help: help}, []string{"namespace"})
	}
	m := &Metrics{
		coalesced: counter("coalesced_total",
			"Newcomers about whom nobody was asked, because a client like them was being asked about.", "namespace"),
		newcomers: counter("newcomers_total",
			"Newcomers of whom nobody could tell who they are, by what became of them: refused, closed, stale, anonymous.",
			"namespace", "outcome"),
		lookups: counter("cache_lookups_total",
			"Remembered decisions that were looked for, by result: hit, miss.", "namespace", "result"),
		entries: gauge("cache_entries", "Decisions that are remembered."),
		bytes:   gauge("cache_bytes", "Memory that remembered decisions take, about."),
		away:    gauge("active", "1 while nobody says who newcomers are, until the next answer."),
	}
	reg.MustRegister(m.coalesced, m.newcomers, m.lookups, m.entries, m.bytes, m.away)
	return m
}

// counters are those of one namespace.
type counters struct {
	coalesced    prometheus.Counter
	newcomers    *prometheus.CounterVec // by outcome
	hits, misses prometheus.Counter
	entries      prometheus.Gauge
	bytes        prometheus.Gauge
	away         prometheus.Gauge
}

func (m *Metrics) of(namespace string) counters {
	return counters{
		coalesced: m.coalesced.WithLabelValues(namespace),
		newcomers: m.newcomers.MustCurryWith(prometheus.Labels{"namespace": namespace}),
		hits:      m.lookups.WithLabelValues(namespace, "hit"),
		misses:    m.lookups.WithLabelValues(namespace, "miss"),
		entries:   m.entries.WithLabelValues(namespace),
		bytes:     m.bytes.WithLabelValues(namespace),
		away:      m.away.WithLabelValues(namespace),
	}
}

// outcomes are what policies do, as words for the metric.
var outcomes = map[Policy]string{Refuse: "refused", Close: "closed", Stale: "stale", Anonymous: "anonymous"}

func (c counters) newcomer(p Policy) prometheus.Counter {
	return c.newcomers.WithLabelValues(outcomes[p])
}
