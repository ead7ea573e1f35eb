package jwt

import "github.com/prometheus/client_golang/prometheus"

// NewReloads registers with reg the counter of changes of files with keys, in the
// way of NewFetches.
func NewReloads(reg prometheus.Registerer) *prometheus.CounterVec {
	reloads := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "realtime_jwt_key_reloads_total",
		Help: "Changes of files with keys, by whether they could be taken over.",
	}, []string{"namespace", "result"})
	reg.MustRegister(reloads)
	return reloads
}

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
