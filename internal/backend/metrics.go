package backend

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/codes"
)

// Metrics counts the calls to all backends of a process. Labels are bounded:
// backends are named by the configuration, methods and codes by gRPC.
type Metrics struct {
	calls    *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight *prometheus.GaugeVec
}

// NewMetrics registers the metrics with reg.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "realtime_backend_calls_total",
			Help: "Calls to a backend that have ended, by gRPC code.",
		}, []string{"backend", "method", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "realtime_backend_call_duration_seconds",
			Help:    "Time from asking a backend to its answer, waiting for a place included.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"backend", "method"}),
		inFlight: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "realtime_backend_calls_in_flight",
			Help: "Calls to a backend that run now.",
		}, []string{"backend"}),
	}
	reg.MustRegister(m.calls, m.duration, m.inFlight)
	return m
}

func (m *Metrics) observe(backend, method string, code codes.Code, took time.Duration) {
	m.calls.WithLabelValues(backend, method, code.String()).Inc()
	m.duration.WithLabelValues(backend, method).Observe(took.Seconds())
}

// begin counts a call as in flight until the returned function is called.
func (m *Metrics) begin(backend string) (end func()) {
	gauge := m.inFlight.WithLabelValues(backend)
	gauge.Inc()
	return gauge.Dec
}
