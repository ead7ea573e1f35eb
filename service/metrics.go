package service

import "github.com/prometheus/client_golang/prometheus"

// gatewayMetrics counts what the gateway decides. Namespaces are as the
// configuration names them, dynamic ones by their pattern, so the labels are
// bounded.
type gatewayMetrics struct {
	authentications *prometheus.CounterVec // by namespace and verdict
	events          *prometheus.CounterVec // by namespace, route and outcome
	repeated        *prometheus.CounterVec // by namespace and route
	lifecycle       *prometheus.CounterVec // by namespace, call and outcome
	expired         *prometheus.CounterVec // by namespace
	warned          *prometheus.CounterVec // by namespace
	refreshes       *prometheus.CounterVec // by namespace and outcome
	roomsRefused    *prometheus.CounterVec // by namespace and code
}

func newGatewayMetrics(reg prometheus.Registerer) *gatewayMetrics {
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "realtime_gateway_" + name, Help: help}, labels)
		reg.MustRegister(c)
		return c
	}
	return &gatewayMetrics{
		authentications: vec("authentications_total",
			"Clients that asked to be let in, by verdict: accepted, refused, broken, left, late.", "namespace", "verdict"),
		events: vec("events_total",
			"Events of clients, by the rule that they followed and outcome: OK, or the code that the client was told.", "namespace", "route", "outcome"),
		repeated: vec("events_repeated_total",
			"Events that clients have repeated, which were answered as the first time.", "namespace", "route"),
		lifecycle: vec("lifecycle_calls_total",
			"Calls that told a backend of a connection's life, by call and outcome.", "namespace", "call", "outcome"),
		expired: vec("connections_expired_total",
			"Connections ended because their credential had expired.", "namespace"),
		warned: vec("expiry_warnings_total",
			"Clients told that their credential ends soon.", "namespace"),
		refreshes: vec("refreshes_total",
			"Credentials that clients have tried to renew, by outcome: OK, REFUSED, or the code that the client was told.",
			"namespace", "outcome"),
		roomsRefused: vec("rooms_refused_total",
			"Rooms that clients asked to join and may not, by the code that they were told.", "namespace", "code"),
	}
}
