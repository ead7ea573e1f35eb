package service

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/seed52a35d2d/realtime-server/authn/revocation"
)

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
