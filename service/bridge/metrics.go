package bridge

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Why a message of Node's servers is ignored.
const (
	otherNamespace = "namespace"
	serverSideEmit = "server-side emit"
	unexpected     = "unexpected"
)

// Why something that Node's servers ask for is refused.
const (
	tooManyRooms = "too many rooms"
	tooManyAcks  = "too many acks"
	badName      = "name"
)

// metrics counts what is said between this node and Node's servers.
type metrics struct {
	received    *prometheus.CounterVec // by kind
	sent        *prometheus.CounterVec // by kind
	ignored     *prometheus.CounterVec // by cause
	refused     *prometheus.CounterVec // by cause
	garbled     prometheus.Counter
	unsaid      prometheus.Counter
	partial     prometheus.Counter
	answersLost prometheus.Counter
	untold      prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	auto := promauto.With(reg)
	counter := func(name, help string) prometheus.Counter {
		return auto.NewCounter(prometheus.CounterOpts{Name: "realtime_bridge_" + name, Help: help})
	}
	vec := func(name, help, label string) *prometheus.CounterVec {
		return auto.NewCounterVec(prometheus.CounterOpts{Name: "realtime_bridge_" + name, Help: help}, []string{label})
	}
	return &metrics{
		received: vec("messages_received_total", "Messages of Node's servers and of the emitter, by kind.", "kind"),
		sent:     vec("messages_sent_total", "Messages to Node's servers, by kind.", "kind"),
		ignored: vec("messages_ignored_total",
			"Messages that ask for nothing here, by cause: namespace, server-side emit, unexpected.", "cause"),
		refused: vec("refused_total",
			"What was asked for and not done, by cause: name, too many acks, too many rooms.", "cause"),
		garbled:     counter("messages_garbled_total", "Messages that could not be read."),
		unsaid:      counter("messages_unsaid_total", "Messages that Node's format cannot say."),
		partial:     counter("requests_partial_total", "Requests that not all of Node's servers have answered."),
		answersLost: counter("answers_lost_total", "Answers for which there was no room, or that came too late, or that Redis did not take."),
		untold:      counter("sockets_untold_total", "Sockets and rooms that were left out of answers, which would have been too large."),
	}
}
