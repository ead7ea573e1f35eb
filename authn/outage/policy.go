package outage

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/seed52a35d2d/realtime-server/authn"
)

// Policy says what becomes of a newcomer during an outage.
type Policy string

// The policies.
const (
	// Refuse tells the client that nobody can tell who it is. A stock client then
	// stays away until its program connects again.
	Refuse Policy = "refuse"
	// Close closes the client's connection, so that a stock client comes back by
	// itself.
	Close Policy = "close"
	// Stale lets in whom the other authenticator has let in lately; others as
	// [Config.Otherwise] says.
	Stale Policy = "stale"
	// Anonymous lets everybody in, without a user.
	Anonymous Policy = "anonymous"
)

// anonymousMetadata tells a backend why a connection has no user.
const anonymousMetadata = `{"outage":"anonymous"}`

// standIn decides about a newcomer of whom the other authenticator could not tell
// who it is.
func (a *Authenticator) standIn(ctx context.Context, h authn.Handshake, err error) (authn.Identity, error) {
	if isOutage(err) {
		if identity, policy := a.letIn(h); policy != "" {
			a.metrics.newcomer(policy).Inc()
			return identity, nil
		}
	}
	if a.keepsOutBy() == Refuse {
		a.metrics.newcomer(Refuse).Inc()
		return authn.Identity{}, err
	}
	a.hold(ctx)
	if ctx.Err() == nil {
		a.metrics.newcomer(Close).Inc()
	}
	return authn.Identity{}, closing(err)
}

// letIn names the policy by which a newcomer gets in, "" if none does.
func (a *Authenticator) letIn(h authn.Handshake) (authn.Identity, Policy) {
	if a.cfg.Policy == Stale {
		if identity, ok := a.recall(h); ok {
			return identity, Stale
		}
	}
	if a.cfg.Policy == Anonymous || a.cfg.Otherwise == Anonymous {
		return a.guest(), Anonymous
	}
	return authn.Identity{}, ""
}

func (a *Authenticator) recall(h authn.Handshake) (authn.Identity, bool) {
	k, ok := a.alike.remembered(h)
	if !ok {
		return authn.Identity{}, false
	}
	return a.cache.get(k)
}

// guest is a client without a user. It comes back at some time, to be asked about;
// not all guests of an outage at the same time.
func (a *Authenticator) guest() authn.Identity {
	guest := authn.Identity{
		Rooms:     a.cfg.Rooms,
		Metadata:  []byte(anonymousMetadata),
		ExpiresAt: time.Now().Add(upTo(a.cfg.AnonymousTTL)),
	}
	return guest.Clone()
}

// keepsOutBy is how those are kept out who are not let in.
func (a *Authenticator) keepsOutBy() Policy {
	if a.cfg.Closes() {
		return Close
	}
	return Refuse
}

// hold lets a client wait before its connection is closed. A stock client whose
// connection could be opened comes back after about a second, however often it
// was closed: without this a crowd of them would come every second. It also lets
// the client ask for its other namespaces, which it would lose.
func (a *Authenticator) hold(ctx context.Context) {
	timer := time.NewTimer(upTo(a.cfg.CloseAfter))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// upTo is a random time between half of d and d.
func upTo(d time.Duration) time.Duration { return d/2 + rand.N(d/2+1) }

// closing makes a refusal close the connection. Other errors are faults of ours,
// which come again.
func closing(err error) error {
	refusal, ok := errors.AsType[*authn.Refusal](err)
	if !ok {
		return err
	}
	closing := *refusal
	closing.Close = true
	return &closing
}

// calm is how long nothing must have failed before an answer counts as the end of
// an outage. It keeps a backend that fails every other call from filling the log.
const calm = time.Second

// failed notes that nobody answers.
func (a *Authenticator) failed(ctx context.Context, err error) {
	a.mu.Lock()
	began := !a.away
	a.away, a.lastFailed = true, time.Now()
	a.mu.Unlock()
	if began {
		a.metrics.away.Set(1)
		a.log.LogAttrs(ctx, slog.LevelWarn, "nobody says who newcomers are: the outage policy decides",
			slog.String("error", err.Error()))
	}
}

// answered notes that somebody answers.
func (a *Authenticator) answered(ctx context.Context) {
	a.mu.Lock()
	ended := a.away && time.Since(a.lastFailed) >= calm
	a.away = a.away && !ended
	a.mu.Unlock()
	if ended {
		a.metrics.away.Set(0)
		a.log.LogAttrs(ctx, slog.LevelInfo, "newcomers are authenticated again")
	}
}
