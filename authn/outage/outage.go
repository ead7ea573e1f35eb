// Package outage is about the newcomers of an authenticator that asks somebody
// else: how few questions a crowd of them costs, and what becomes of them while
// nobody answers.
//
// An [Authenticator] stands before another one, for one namespace. It does three
// things, each of which is off unless the [Config] says otherwise:
//
//   - Clients that are alike and ask at the same time share one question.
//   - Decisions to let a client in are remembered for an outage.
//   - While nobody answers, newcomers are refused, sent back, let in by what was
//     decided before, or let in without a user.
//
// An outage is an error whose cause says that it is temporary (a method
// Temporary() bool, which the errors of backends have): nobody answered, or not
// in time. Every other breakdown, such as a reply that makes no sense, never lets
// anybody in. What is decided never reaches those who are in already: whoever
// refreshes a credential is asked about, and nothing else becomes of it.
//
// # Who is alike
//
// Sharing needs a backend that says of two clients the same if it sees the same
// of them. It sees more than a credential, so everything that it sees counts: the
// namespace, `auth`, the query, the headers that are let through, the address,
// whether it came over TLS and from a foreign page, and which lost connection the
// client wants back. Only these may differ:
//
//   - the id of the connection, which is new for each of them. A backend that
//     notes it down in Authenticate, or writes it into rooms and events, must not
//     share; OnConnected tells every id in any case.
//   - the time, the transport and the query fields `t` and `transport`: how a
//     client comes, not who it is.
//   - headers that name a request: x-request-id, traceparent, tracestate.
//   - the address, if [Config.AnyAddress] says so.
//
// Sharing is no default because of the first, and because a credential that is
// good for one connection only would be good for all that ask at that moment.
//
// Remembered decisions are found in the same way, but for the lost connection: a
// client that comes back is who it was before.
package outage

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/seed52a35d2d/realtime-server/authn"
)

// Params is what an Authenticator is made of. All are required.
type Params struct {
	// Authenticator is asked.
	Authenticator authn.Authenticator
	// Config must be valid; see [Config.WithDefaults] and [Config.Validate].
	Config Config
	// Namespace names the clients' namespace in log and metrics, as the
	// configuration does.
	Namespace string
	Log       *slog.Logger
	Metrics   *Metrics
}

// Authenticator asks another one and bridges its outages.
type Authenticator struct {
	// Immutable.
	next    authn.Authenticator
	cfg     Config
	log     *slog.Logger
	metrics counters
	alike   likeness
	calls   calls
	cache   *cache // nil unless decisions are remembered

	mu         sync.Mutex
	away       bool      // an outage has begun, and not ended
	lastFailed time.Time // during it
}

// New returns an authenticator that asks p.Authenticator. The caller closes it.
func New(p Params) *Authenticator {
	a := &Authenticator{
		next: p.Authenticator,
		cfg:  p.Config,
		log: p.Log.With(
			slog.String("namespace", p.Namespace), slog.String("policy", string(p.Config.Policy))),
		metrics: p.Metrics.of(p.Namespace),
		alike:   newLikeness(p.Config.AnyAddress),
	}
	a.calls.ask, a.calls.joined = a.ask, a.metrics.coalesced
	if p.Config.Policy == Stale {
		a.cache = newCache(p.Config, a.metrics)
	}
	return a
}

// Close waits for the calls of clients that have left. It is called when nobody
// asks any more.
func (a *Authenticator) Close() { a.calls.wg.Wait() }

// Forget drops what is remembered of a user, of a credential by its token id, or,
// if both are given, of this credential of this user. Whoever is being asked about at
// the moment is not remembered, and nobody joins that question any more.
func (a *Authenticator) Forget(user, tokenID string) {
	a.calls.part()
	if a.cache != nil {
		a.cache.forget(user, tokenID)
	}
}

// Authenticate returns what the other authenticator decides, or what the policy
// makes of its outage.
func (a *Authenticator) Authenticate(ctx context.Context, h authn.Handshake) (authn.Identity, error) {
	if h.Cause == authn.CauseRefresh { // a resident, who stays whatever comes of it
		return a.next.Authenticate(ctx, h)
	}
	identity, err := a.decide(ctx, h)
	if err == nil || ctx.Err() != nil || refused(err) {
		return identity, err
	}
	return a.standIn(ctx, h, err)
}

// decide asks, or joins a question that is under way.
func (a *Authenticator) decide(ctx context.Context, h authn.Handshake) (authn.Identity, error) {
	if !a.cfg.Coalesce {
		return a.ask(ctx, h)
	}
	k, ok := a.alike.shared(h)
	if !ok {
		return a.ask(ctx, h)
	}
	return a.calls.share(ctx, k, h)
}

// ask asks once, and learns from the answer.
func (a *Authenticator) ask(ctx context.Context, h authn.Handshake) (authn.Identity, error) {
	since := a.cache.now()
	identity, err := a.next.Authenticate(ctx, h)
	switch {
	case err == nil:
		a.answered(ctx)
		a.remember(h, identity, since)
	case refused(err):
		a.answered(ctx)
		a.remove(h)
	case ctx.Err() == nil && isOutage(err):
		a.failed(ctx, err)
	}
	return identity, err
}

func (a *Authenticator) remember(h authn.Handshake, identity authn.Identity, since epoch) {
	if a.cache == nil {
		return
	}
	if k, ok := a.alike.remembered(h); ok {
		a.cache.put(k, identity, since)
	}
}

func (a *Authenticator) remove(h authn.Handshake) {
	if a.cache == nil {
		return
	}
	if k, ok := a.alike.remembered(h); ok {
		a.cache.remove(k)
	}
}
