package engineio

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics counts what an operator wants to know of the sessions.
type metrics struct {
	sessions prometheus.Gauge
	openings *prometheus.CounterVec // by transport and protocol
	closings *prometheus.CounterVec // by reason
	upgrades *prometheus.CounterVec // by outcome
	refused  *prometheus.CounterVec // by code
	// turnedAway counts by cause.
	turnedAway *prometheus.CounterVec
	received   prometheus.Counter
	sent       prometheus.Counter
	dropped    prometheus.Counter
	expired    prometheus.Counter

	compressionInput, compressionOutput *prometheus.CounterVec // by transport
}

func newMetrics(reg prometheus.Registerer) *metrics {
	auto := promauto.With(reg)
	counter := func(name, help string) prometheus.Counter {
		return auto.NewCounter(prometheus.CounterOpts{Name: "realtime_engine_" + name, Help: help})
	}
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		return auto.NewCounterVec(prometheus.CounterOpts{Name: "realtime_engine_" + name, Help: help}, labels)
	}
	return &metrics{
		sessions: auto.NewGauge(prometheus.GaugeOpts{Name: "realtime_engine_sessions", Help: "Engine.IO sessions that are open."}),
		openings: vec("sessions_opened_total", "Sessions opened, by the transport they began with and the revision of Engine.IO.", "transport", "protocol"),
		closings: vec("sessions_closed_total", "Sessions ended, by reason.", "reason"),
		upgrades: vec("upgrades_total", "Upgrades from polling to WebSocket, by outcome: done, timeout.", "outcome"),
		refused:  vec("requests_refused_total", "Requests answered with an Engine.IO error, by its code.", "code"),
		turnedAway: vec("handshakes_refused_total",
			"Clients that the door did not let in, by cause: connections, rate, address connections, address rate.", "cause"),
		received: counter("messages_received_total", "Messages received from clients."),
		sent:     counter("frames_sent_total", "Frames written; a frame is a message with its attachments, or a packet of the protocol."),
		expired:  counter("frames_expired_total", "Frames given up because their time ran out in a queue."),
		compressionInput: vec("compression_input_bytes_total",
			"Bytes before compression, of frames and polling bodies that were large enough. What many clients share is compressed and counted once.", "transport"),
		compressionOutput: vec("compression_output_bytes_total",
			"Bytes after compression, or the same as before where it saved nothing.", "transport"),
		dropped: counter("frames_dropped_total", "Frames given up: volatile ones for a busy client, and those for a session that has ended, is ending or is too far behind."),
	}
}

// opened counts a session; its lock is held.
func (m *metrics) opened(s *Session) {
	m.sessions.Inc()
	transport := Polling
	if s.ws != nil {
		transport = WebSocket
	}
	m.openings.WithLabelValues(transport, strconv.Itoa(s.Protocol())).Inc()
}

func (m *metrics) closed(reason Reason) {
	m.sessions.Dec()
	m.closings.WithLabelValues(reason.String()).Inc()
}

func (m *metrics) savings(transport string) savings {
	return savings{m.compressionInput.WithLabelValues(transport), m.compressionOutput.WithLabelValues(transport)}
}
