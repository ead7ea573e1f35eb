package attach

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// metrics counts calls and workers. Labels are bounded: groups are those of the
// configuration.
type metrics struct {
	calls        *prometheus.CounterVec // by group and outcome
	reassigned   *prometheus.CounterVec // by group
	forwarded    *prometheus.CounterVec // by group
	taken        *prometheus.CounterVec // by group
	ignored      *prometheus.CounterVec // by group and cause
	worksDropped prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	auto := promauto.With(reg)
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return auto.NewCounterVec(prometheus.CounterOpts{Name: "realtime_attach_" + name, Help: help}, append([]string{"group"}, labels...))
	}
	return &metrics{
		calls: counter("calls_total",
			"Calls to workers that have ended, by outcome: answered, failed, unserved, abandoned.", "outcome"),
		reassigned: counter("calls_reassigned_total", "Calls that went to another worker since the first one was away."),
		forwarded:  counter("calls_forwarded_total", "Calls that were sent to the workers of another node."),
		taken:      counter("calls_taken_total", "Calls of other nodes for the workers of this one."),
		ignored:    counter("results_ignored_total", "Results that nobody waited for, by cause: late, unknown.", "cause"),
		worksDropped: auto.NewCounter(prometheus.CounterOpts{
			Name: "realtime_attach_calls_dropped_total",
			Help: "Calls of other nodes that were passed over, for want of room or at the end of this node.",
		}),
	}
}

// observe counts a call of this node.
func (m *metrics) observe(group string, o outcome) {
	m.calls.WithLabelValues(group, o.label()).Inc()
}

// label is what the outcome is counted as.
func (o outcome) label() string {
	switch {
	case o.err == nil:
		return "answered"
	case status.Code(o.err) == codes.Canceled, status.Code(o.err) == codes.DeadlineExceeded:
		return "abandoned"
	case o.begun:
		return "failed"
	default:
		return "unserved"
	}
}
