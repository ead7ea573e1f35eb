package service

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/proto"

	"github.com/seed52a35d2d/realtime-server/authn"
	"github.com/seed52a35d2d/realtime-server/authn/revocation"
	clusterv1 "github.com/seed52a35d2d/realtime-server/gen/realtime/cluster/v1"
	"github.com/seed52a35d2d/realtime-server/internal/revoked"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// RevocationStore tells all nodes what was revoked, also those that come later;
// see package revoked. It tells this node by Revocations.Hear.
type RevocationStore interface {
	Add(ctx context.Context, e revoked.Entry) error
	// Heard is closed once everything was heard that was revoked before this node
	// began.
	Heard() <-chan struct{}
}

// Forgetter remembers whom an authenticator has accepted, so as not to ask it
// again. It must forget those whose credential was revoked: all of a user, or the
// one with a name; the other is "".
type Forgetter interface{ Forget(user, tokenID string) }

// Revocations are the credentials that are good no longer, and the connections
// that hold one: the gateway asks whether it may let a client in, and the API
// revokes.
//
// A revocation is remembered before the connections are looked for, and a socket
// is among those that are found before it is asked whether its credential was
// revoked (Welcome.Admit). So whichever comes first, the other one sees it.
type Revocations struct {
	cfg     RevocationConfig
	list    *revocation.List
	metrics *revocationMetrics
	holders holders
	begun   time.Time

	// Set before clients come.
	sockets    *sio.Server
	store      RevocationStore // nil for a node that is alone
	forgetters []Forgetter
}

func newRevocations(cfg RevocationConfig, reg prometheus.Registerer) *Revocations {
	list := revocation.NewList(cfg.Max)
	return &Revocations{cfg: cfg, list: list, metrics: newRevocationMetrics(reg, list), begun: time.Now()}
}

// SetStore makes the node one of several. It is called before clients come.
func (r *Revocations) SetStore(s RevocationStore) { r.store = s }

// AddForgetter has somebody forget what is revoked. It is called before clients
// come.
func (r *Revocations) AddForgetter(f Forgetter) { r.forgetters = append(r.forgetters, f) }

var errRevoked = &authn.Refusal{Code: codeRevoked, Message: "The credential was revoked"}

// refuses returns errRevoked for a credential that is good no longer. It may be
// good a moment later: admit has the last word.
func (r *Revocations) refuses(c revocation.Credential) error {
	if !r.list.Revoked(c, time.Now()) {
		return nil
	}
	r.metrics.refused.Inc()
	return errRevoked
}

// admit takes a connection that holds a credential from now on, or returns
// errRevoked. It must not block: package sio calls it under locks.
func (r *Revocations) admit(s *sio.Socket, c revocation.Credential) error {
	r.holders.add(c, s)
	err := r.refuses(c)
	if err != nil {
		r.holders.remove(c, s)
	}
	return err
}

// release notes that a connection does not hold a credential any more.
func (r *Revocations) release(s *sio.Socket, c revocation.Credential) { r.holders.remove(c, s) }

// heardPatience is how long the first clients of a node wait until it knows what
// was revoked before it began. If it cannot know, they come in, and those are
// ended later whose credential was revoked.
const heardPatience = 2 * time.Second

// await waits until what others have revoked is known, for a short while after
// the start.
func (r *Revocations) await(ctx context.Context) {
	if r.store == nil {
		return
	}
	select {
	case <-r.store.Heard():
		return
	default:
	}
	patience := time.NewTimer(heardPatience - time.Since(r.begun))
	defer patience.Stop()
	select {
	case <-r.store.Heard():
	case <-patience.C:
	case <-ctx.Done():
	}
}

// revoke revokes credentials, as the API was asked to. The error is
// errTooManyRevocations; nothing has happened then.
func (r *Revocations) revoke(v revocation.Revocation, last *sio.Event) (ended int, err error) {
	if r.list.Add(v, v.At) != nil {
		return 0, errTooManyRevocations
	}
	return r.enforce(v, byCall, time.Now(), last), nil
}

// told revokes what another node has just revoked.
func (r *Revocations) told(v revocation.Revocation, last *sio.Event) (ended int) {
	now := time.Now()
	if _, dropped := r.list.Hear(v, now); dropped {
		r.metrics.dropped.Inc()
	}
	return r.enforce(v, byNode, now, last)
}

// Hear revokes what other nodes have revoked at some time (revoked.Listener).
func (r *Revocations) Hear(entries [][]byte) {
	for _, data := range entries {
		m := &clusterv1.Revocation{}
		if proto.Unmarshal(data, m) != nil {
			continue // a newer version has more to say than this one understands
		}
		v, ok := revocationOf(m)
		if !ok {
			continue
		}
		news, dropped := r.list.Hear(v, time.Now())
		if dropped {
			r.metrics.dropped.Inc()
		}
		if news {
			r.enforce(v, byStore, v.At, nil)
		}
	}
}

// All are the revocations that other nodes should know (revoked.Listener).
func (r *Revocations) All() []revoked.Entry {
	all := r.list.All(time.Now())
	entries := make([]revoked.Entry, len(all))
	for i := range all {
		entries[i] = entryOf(&all[i])
	}
	return entries
}

// save has all nodes know a revocation, also those that are away.
func (r *Revocations) save(ctx context.Context, v revocation.Revocation) error {
	if r.store == nil {
		return nil
	}
	return r.store.Add(ctx, entryOf(&v))
}

// enforce ends the connections that hold revoked credentials: of a user those
// that are older than a point in time. A node that is told at once takes now,
// for its clock and that of the other may differ.
func (r *Revocations) enforce(v revocation.Revocation, source string, older time.Time, last *sio.Event) (ended int) {
	for _, f := range r.forgetters {
		f.Forget(v.User, v.Token)
	}
	v.At = older
	how := sio.Disconnect{Reason: sio.ReasonRevoked, Reconnect: v.Reconnect, Detail: v.Detail, Last: last}
	for _, s := range r.find(&v) {
		_ = s.Disconnect(how) // the event was found to be sound
		ended++
	}
	r.metrics.taken.WithLabelValues(kindOf(&v), source).Inc()
	return ended
}

// find returns the sockets that hold revoked credentials. Who refreshes holds
// both for a moment, and is found by either.
func (r *Revocations) find(v *revocation.Revocation) (all []*sio.Socket) {
	if v.Token != "" {
		return r.holders.of(v)
	}
	for _, ns := range r.namespaces(v.Namespace) {
		for _, s := range ns.Sockets(sio.Target{Users: []string{v.User}}) {
			if m := memberOf(s); m != nil && v.Covers(m.credential) {
				all = append(all, s)
			}
		}
	}
	return all
}

func (r *Revocations) namespaces(name string) []*sio.Namespace {
	if name == "" {
		return r.sockets.Namespaces()
	}
	if ns, ok := r.sockets.Namespace(name); ok {
		return []*sio.Namespace{ns}
	}
	return nil
}
