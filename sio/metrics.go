package sio

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics counts what an operator wants to know of the sockets.
type metrics struct {
	sockets      *prometheus.GaugeVec   // by namespace, or its pattern
	lobby        *prometheus.GaugeVec   // likewise
	dynamic      *prometheus.GaugeVec   // by pattern
	refused      *prometheus.CounterVec // by cause
	disconnected *prometheus.CounterVec // by reason
	received     prometheus.Counter
	emitted      prometheus.Counter
	deliveries   prometheus.Counter
	panics       prometheus.Counter
	acks         *prometheus.CounterVec // by outcome
	acksPending  prometheus.Gauge
	acksIgnored  prometheus.Counter
	joinsRefused prometheus.Counter

	recoveries     *prometheus.CounterVec // by outcome
	recoveryEvents prometheus.Gauge
	recoveryBytes  prometheus.Gauge
	recoveryAbsent prometheus.Gauge
	journalGaps    prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	auto := promauto.With(reg)
	counter := func(name, help string) prometheus.Counter {
		return auto.NewCounter(prometheus.CounterOpts{Name: "realtime_" + name, Help: help})
	}
	vec := func(name, help, label string) *prometheus.CounterVec {
		return auto.NewCounterVec(prometheus.CounterOpts{Name: "realtime_" + name, Help: help}, []string{label})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return auto.NewGauge(prometheus.GaugeOpts{Name: "realtime_" + name, Help: help})
	}
	return &metrics{
		sockets: auto.NewGaugeVec(prometheus.GaugeOpts{
			Name: "realtime_sockets", Help: "Sockets that are connected, by namespace; those of dynamic ones by pattern.",
		}, []string{"namespace"}),
		lobby: auto.NewGaugeVec(prometheus.GaugeOpts{
			Name: "realtime_lobby_sockets", Help: "Sockets that wait in the lobby, by namespace; those of dynamic ones by pattern.",
		}, []string{"namespace"}),
		dynamic: auto.NewGaugeVec(prometheus.GaugeOpts{
			Name: "realtime_dynamic_namespaces", Help: "Namespaces that exist by a pattern and have a socket, by pattern.",
		}, []string{"pattern"}),
		refused: vec("sockets_refused_total",
			"CONNECT packets answered with CONNECT_ERROR, by cause: invalid namespace, namespace limit, client namespace limit, handler.", "cause"),
		disconnected: vec("sockets_disconnected_total", "Sockets ended, by reason.", "reason"),
		received:     counter("events_received_total", "Events received from clients."),
		emitted:      counter("events_emitted_total", "Events emitted to targets; one for many receivers counts once."),
		deliveries:   counter("events_delivered_total", "Copies of events queued for sockets."),
		acks: vec("acks_total",
			"Acknowledgements that clients were asked for, by outcome: answered, timed out, disconnected, overflow, given up.", "outcome"),
		acksPending: auto.NewGauge(prometheus.GaugeOpts{
			Name: "realtime_acks_pending", Help: "Acknowledgements of clients that are waited for, or that the caller has not taken yet.",
		}),
		acksIgnored:  counter("acks_ignored_total", "Acknowledgements of clients that nobody waits for: late, repeated, invented."),
		joinsRefused: counter("joins_refused_total", "Joins refused because the socket would be in too many rooms."),
		recoveries: vec("recoveries_total",
			"Clients that wanted back what they were, by outcome: recovered, unknown pid, offset gone, other user, too much, "+
				"too many rooms, refused, left, store unavailable.", "outcome"),
		recoveryEvents: gauge("recovery_events", "Events that are kept for clients that have lost their connection."),
		recoveryBytes:  gauge("recovery_bytes", "Bytes that these events and clients take."),
		recoveryAbsent: gauge("recovery_absent_clients", "Sockets that are kept for clients that have lost their connection."),
		journalGaps:    counter("recovery_gaps_total", "Times that entries of the journal could not be read, or had gone."),
		panics:         counter("handler_panics_total", "Panics of event handlers that were caught."),
	}
}
