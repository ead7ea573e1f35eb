package jwt

import "github.com/prometheus/client_golang/prometheus"

// NewFetches registers with reg the counter of the fetches of JWK sets. Curried
// with a namespace, it is what Watch wants. Labels are bounded: namespaces are
// named by the configuration.
func NewFetches(reg prometheus.Registerer) *prometheus.CounterVec {
	fetches := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "realtime_jwks_fetches_total",
		Help: "Fetches of a JWK set that have ended.",
	}, []string{"namespace", "result"})
	reg.MustRegister(fetches)
	return fetches
}
