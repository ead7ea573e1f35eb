package redisbus

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics counts what goes through Redis. Labels are causes of [Error], and
// fixed words.
type metrics struct {
	published, publishedBytes prometheus.Counter
	received, receivedBytes   prometheus.Counter
	errors                    *prometheus.CounterVec
	reconnects                *prometheus.CounterVec
	wanted, confirmed         prometheus.Gauge
	probes                    prometheus.Histogram
	healthy                   prometheus.Gauge
	changes                   *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	subscriptions := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "realtime_redis_subscriptions",
		Help: "Channels and patterns that are wanted, and those that Redis has confirmed.",
	}, []string{"state"})
	m := &metrics{
		published:      counter("published_total", "Messages that Redis has taken."),
		publishedBytes: counter("published_bytes_total", "Bytes of these messages."),
		received:       counter("received_total", "Messages that came from Redis."),
		receivedBytes:  counter("received_bytes_total", "Bytes of these messages."),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "realtime_redis_errors_total",
			Help: "What did not work with Redis, by cause.",
		}, []string{"cause"}),
		reconnects: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "realtime_redis_connections_lost_total",
			Help: "Connections to Redis that were lost, by what they are for.",
		}, []string{"connection"}),
		wanted:    subscriptions.WithLabelValues("wanted"),
		confirmed: subscriptions.WithLabelValues("confirmed"),
		probes: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "realtime_redis_probe_duration_seconds",
			Help:    "Time that a message to oneself takes through Redis.",
			Buckets: []float64{.00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5},
		}),
		healthy: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "realtime_redis_healthy",
			Help: "1 if messages go through Redis and come back.",
		}),
		changes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "realtime_redis_health_changes_total",
			Help: "Changes of health, by what it became.",
		}, []string{"state"}),
	}
	for _, cause := range causes {
		m.errors.WithLabelValues(string(cause))
	}
	reg.MustRegister(m.published, m.publishedBytes, m.received, m.receivedBytes, m.errors, m.reconnects,
		subscriptions, m.probes, m.healthy, m.changes)
	return m
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: "realtime_redis_" + name, Help: help})
}

func (m *metrics) failed(cause Cause) { m.errors.WithLabelValues(string(cause)).Inc() }

func (m *metrics) sent(bytes int) {
	m.published.Inc()
	m.publishedBytes.Add(float64(bytes))
}

// became counts a change of health.
func (m *metrics) became(state State) {
	m.changes.WithLabelValues(string(state)).Inc()
	if state == StateOK {
		m.healthy.Set(1)
	} else {
		m.healthy.Set(0)
	}
}

func (m *metrics) probed(took time.Duration) { m.probes.Observe(took.Seconds()) }
