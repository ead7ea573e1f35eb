package cluster

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics counts what nodes say to each other.
type metrics struct {
	received    *prometheus.CounterVec // by kind of channel
	missed      prometheus.Counter
	garbled     prometheus.Counter
	repliesLost prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	auto := promauto.With(reg)
	counter := func(name, help string) prometheus.Counter {
		return auto.NewCounter(prometheus.CounterOpts{Name: "realtime_cluster_" + name, Help: help})
	}
	return &metrics{
		received: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "realtime_cluster_messages_received_total",
			Help: "Messages of other nodes, by the kind of their channel: all, node, connection, namespace, room, user, group.",
		}, []string{"channel"}),
		missed:      counter("messages_missed_total", "Messages of other nodes that have not come, as their numbers tell."),
		garbled:     counter("messages_garbled_total", "Messages of other nodes that could not be read."),
		repliesLost: counter("replies_lost_total", "Replies between nodes for which there was no room, or that came too late."),
	}
}
