package ticket

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed52a35d2d/realtime-server/authn"
)

// Office issues tickets and takes them back.
type Office struct {
	store   Store // immutable once clients come
	metrics *prometheus.CounterVec
}

// NewOffice returns the office of a server that is alone. Its metrics are
// registered with reg.
func NewOffice(reg prometheus.Registerer) *Office {
	return &Office{store: NewMemory(), metrics: newMetrics(reg)}
}

// SetStore makes the office one of several. It is called before clients and
// callers come.
func (o *Office) SetStore(s Store) { o.store = s }

// Ticket is what a client shows.
type Ticket struct {
	Text      string
	ExpiresAt time.Time
}

// Issue makes a ticket for one connection to a namespace. Of who, the events
// stay behind.
func (o *Office) Issue(ctx context.Context, namespace string, who authn.Identity, life time.Duration) (Ticket, error) {
	who.IssuedAt = time.Now() // so a revocation of before is none of this one
	value, err := encode(who)
	if err != nil {
		return Ticket{}, err
	}
	t := Ticket{Text: newText(), ExpiresAt: time.Now().Add(life)}
	err = o.store.Put(ctx, keyOf(namespace, t.Text), value, life)
	o.metrics.WithLabelValues(outcomeOfIssue(err)).Inc()
	if err != nil {
		return Ticket{}, err
	}
	return t, nil
}

// redeem takes a ticket back, and returns who its client is. The error is
// errUnknown, or says why nobody can tell.
func (o *Office) redeem(ctx context.Context, namespace, text string) (authn.Identity, error) {
	if !wellFormed(text) {
		o.metrics.WithLabelValues(unknown).Inc()
		return authn.Identity{}, errUnknown
	}
	value, err := o.store.Take(ctx, keyOf(namespace, text))
	switch {
	case err != nil:
		o.metrics.WithLabelValues(away).Inc()
		return authn.Identity{}, err
	case value == nil:
		o.metrics.WithLabelValues(unknown).Inc()
		return authn.Identity{}, errUnknown
	}
	o.metrics.WithLabelValues(used).Inc()
	return decode(value)
}
