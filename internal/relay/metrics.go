package relay

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics counts what is relayed, and what could not be.
type metrics struct {
	requests map[outcome]prometheus.Counter
	// waiting are requests without a whole answer.
	waiting, websockets prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) *metrics {
	auto := promauto.With(reg)
	requests := auto.NewCounterVec(prometheus.CounterOpts{
		Name: "realtime_relay_requests_total",
		Help: "Requests of sessions that are not open here and were made by another node, by outcome.",
	}, []string{"outcome"})
	inFlight := auto.NewGaugeVec(prometheus.GaugeOpts{
		Name: "realtime_relay_in_flight",
		Help: "Requests that are under way to another node, by kind: request, websocket.",
	}, []string{"kind"})
	m := &metrics{
		requests:   map[outcome]prometheus.Counter{},
		waiting:    inFlight.WithLabelValues("request"),
		websockets: inFlight.WithLabelValues("websocket"),
	}
	for _, o := range outcomes {
		m.requests[o] = requests.WithLabelValues(string(o))
	}
	return m
}
