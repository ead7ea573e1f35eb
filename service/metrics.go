package service

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/seed52a35d2d/realtime-server/authn/revocation"
)

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
}

func newGatewayMetrics(reg prometheus.Registerer) *gatewayMetrics {
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "realtime_gateway_" + name, Help: help}, labels)
		reg.MustRegister(c)
		return c
	}
	return &gatewayMetrics{
		authentications: vec("authentications_total",
			"Clients that asked to be let in, by verdict: accepted, refused, broken, left.", "namespace", "verdict"),
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
	}
}

// revocationMetrics counts what is revoked.
type revocationMetrics struct {
	taken   *prometheus.CounterVec // by kind and source
	refused prometheus.Counter
	dropped prometheus.Counter
}

// Who says that a credential is good no longer: the caller of this node, another
// node at once, or Redis.
const (
	byCall  = "call"
	byNode  = "node"
	byStore = "store"
)

// kindOf is what a revocation names.
func kindOf(v *revocation.Revocation) string {
	if v.Token != "" {
		return "token"
	}
	return "user"
}

func newRevocationMetrics(reg prometheus.Registerer, list *revocation.List) *revocationMetrics {
	auto := promauto.With(reg)
	auto.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "realtime_revocations", Help: "Revocations that are remembered, some of which may be over.",
	}, func() float64 { return float64(list.Len()) })
	return &revocationMetrics{
		taken: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "realtime_revocations_total",
			Help: "Revocations, by kind (user, token) and by source: call, node, store.",
		}, []string{"kind", "source"}),
		refused: auto.NewCounter(prometheus.CounterOpts{
			Name: "realtime_revocations_refused_total", Help: "Clients and refreshes that were refused because their credential was revoked.",
		}),
		dropped: auto.NewCounter(prometheus.CounterOpts{
			Name: "realtime_revocations_dropped_total", Help: "Revocations that were forgotten for want of room before they were over.",
		}),
	}
}
