package backend

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts the calls to all backends of a process. Labels are bounded:
// backends are named by the configuration, methods and codes by gRPC, the rest
// by this package.
type Metrics struct {
	calls          *prometheus.CounterVec
	duration       *prometheus.HistogramVec
	inFlight       *prometheus.GaugeVec
	waiting        *prometheus.GaugeVec
	refused        *prometheus.CounterVec
	retries        *prometheus.CounterVec
	retriesRefused *prometheus.CounterVec
	breakerState   *prometheus.GaugeVec
	breakerChanges *prometheus.CounterVec
}

// NewMetrics registers the metrics with reg.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "realtime_backend_" + name, Help: help}, labels)
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "realtime_backend_" + name, Help: help}, labels)
	}
	m := &Metrics{
		calls: counter("calls_total", "Calls to a backend that have ended, by gRPC code.", "backend", "method", "code"),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "realtime_backend_call_duration_seconds",
			Help:    "Time from asking a backend to its answer, waiting for a place and repeating included.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"backend", "method"}),
		inFlight:       gauge("calls_in_flight", "Calls to a backend that run now.", "backend"),
		waiting:        gauge("calls_waiting", "Calls that wait for a place.", "backend", "lane"),
		refused:        counter("calls_refused_total", "Calls that never reached the backend, by reason.", "backend", "method", "reason"),
		retries:        counter("retries_total", "Attempts beyond the first of a call.", "backend", "method"),
		retriesRefused: counter("retries_refused_total", "Calls that were not repeated because the budget was spent.", "backend", "method"),
		breakerState:   gauge("breaker_state", "0: closed, calls are made. 1: half-open, a few are. 2: open, none is.", "backend"),
		breakerChanges: counter("breaker_changes_total", "Changes of the breaker.", "backend", "change"),
	}
	reg.MustRegister(m.calls, m.duration, m.inFlight, m.waiting, m.refused, m.retries, m.retriesRefused,
		m.breakerState, m.breakerChanges)
	return m
}

// observe counts a call that has ended.
func (m *Metrics) observe(backend, method string, failure *Error, took time.Duration) {
	m.calls.WithLabelValues(backend, method, failure.code().String()).Inc()
	m.duration.WithLabelValues(backend, method).Observe(took.Seconds())
	if failure != nil && failure.Reason != "" {
		m.refused.WithLabelValues(backend, method, string(failure.Reason)).Inc()
	}
}

// begin counts a call as in flight until the returned function is called.
func (m *Metrics) begin(backend string) (end func()) {
	gauge := m.inFlight.WithLabelValues(backend)
	gauge.Inc()
	return gauge.Dec
}

// lanes are the gauges of those who wait for a place.
func (m *Metrics) lanes(backend string) (gauges [lanes]prometheus.Gauge) {
	for lane := range lanes {
		gauges[lane] = m.waiting.WithLabelValues(backend, lane.String())
	}
	return gauges
}

// breakerMetrics are those of one breaker.
type breakerMetrics struct {
	state   prometheus.Gauge
	changes func(change) prometheus.Counter
}

func (m *Metrics) breaker(backend string) *breakerMetrics {
	return &breakerMetrics{
		state:   m.breakerState.WithLabelValues(backend),
		changes: func(c change) prometheus.Counter { return m.breakerChanges.WithLabelValues(backend, string(c)) },
	}
}
