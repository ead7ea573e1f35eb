package service

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed52a35d2d/realtime-server/authn"
	"github.com/seed52a35d2d/realtime-server/authn/revocation"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// The life of a credential: it is good when its client comes in, may be renewed
// (refresh.go) or revoked (revocations.go), and ends.

// Expiry says how the end of a credential comes to its connection.
type Expiry struct {
	// Grace is how long the connection outlives its credential.
	Grace time.Duration `yaml:"grace"`
	// Warn is how long before the end of the credential the client is told that
	// it comes. Zero means never.
	Warn time.Duration `yaml:"warn"`
	// Event is the event that tells it. Empty means "token_expiring".
	Event string `yaml:"event"`
}

// Validate reports everything that is wrong with x.
func (x Expiry) Validate() error {
	var faults []error
	if x.Grace < 0 {
		faults = append(faults, fmt.Errorf("grace: %v is negative", x.Grace))
	}
	if x.Warn < 0 {
		faults = append(faults, fmt.Errorf("warn: %v is negative", x.Warn))
	}
	if err := (&sio.Event{Name: x.event()}).Validate(); err != nil {
		faults = append(faults, fmt.Errorf("event: %w", err))
	}
	return errors.Join(faults...)
}

func (x Expiry) event() string {
	if x.Event == "" {
		return "token_expiring"
	}
	return x.Event
}

// vouch has a client let in by a credential, unless it was revoked: now, or at
// the last moment. It gets nothing back of what it had by a credential that was
// revoked.
func (g *Gateway) vouch(ctx context.Context, s *sio.Socket, identity authn.Identity, w *sio.Welcome) error {
	m, _ := w.Data.(*member)
	m.credential = revocation.Credential{
		Namespace: s.Namespace().Name(), User: identity.User, Token: identity.TokenID, IssuedAt: identity.IssuedAt,
	}
	if now := time.Now(); now.Before(identity.IssuedAt) {
		m.credential.IssuedAt = now // the issuer's clock is ahead, and a revocation to come is later
	}
	g.revocations.await(ctx)
	if err := g.revocations.refuses(m.credential); err != nil {
		return err
	}
	w.Memory = memoryOf(m.credential)
	w.Recall = func(memory []byte) bool {
		return !g.revocations.list.Revoked(rememberedAs(memory, m.credential), time.Now())
	}
	w.Admit = func() error {
		if err := g.revocations.admit(s, m.credential); err != nil {
			return errors.Join(tell(err), err) // for package sio, and for the reception
		}
		return nil
	}
	return nil
}

// warning is the deadline of a socket's warning.
type warning struct{ of *sio.Socket }

// watch warns the client before its credential ends, and ends the connection
// after that. It replaces what was watched for before.
func (g *Gateway) watch(s *sio.Socket) {
	g.unwatch(s)
	m := memberOf(s)
	if m.expiresAt.IsZero() {
		return
	}
	policy := g.policies[s.Namespace().Pattern()].Expiry
	if policy.Warn > 0 {
		g.expiry.add(warning{s}, warnAt(time.Now(), m.expiresAt, policy.Warn), func() { g.warn(s, m, policy) })
	}
	g.expiry.add(s, m.expiresAt.Add(policy.Grace), func() {
		if memberOf(s) != m { // renewed at this moment
			return
		}
		g.metrics.expired.WithLabelValues(s.Namespace().Pattern()).Inc()
		_ = s.Disconnect(sio.Disconnect{Reconnect: true, Reason: sio.ReasonExpired}) // only a last event can be at fault
	})
}

func (g *Gateway) unwatch(s *sio.Socket) {
	g.expiry.remove(s)
	g.expiry.remove(warning{s})
}

// warnAt is not in the first half of what is left: clients that refresh when they
// are warned, with credentials that live for less than warn, would do nothing
// else.
func warnAt(now, end time.Time, warn time.Duration) time.Time {
	at, half := end.Add(-warn), now.Add(end.Sub(now)/2)
	if at.Before(half) {
		return half
	}
	return at
}

// warn tells the client when its credential ends.
func (g *Gateway) warn(s *sio.Socket, m *member, policy Expiry) {
	if memberOf(s) != m {
		return
	}
	g.metrics.warned.WithLabelValues(s.Namespace().Pattern()).Inc()
	_ = s.Whisper(&sio.Event{ // is sound, so only the client can have left
		Name: policy.event(), Args: []sio.Arg{expiresArg(m.expiresAt)}, Expires: m.expiresAt,
	})
}

// expiresArg tells a client when its credential ends: {"expires_at": …}, in ISO
// 8601 with milliseconds, or null.
func expiresArg(at time.Time) sio.Arg {
	var told struct {
		ExpiresAt *string `json:"expires_at"`
	}
	if !at.IsZero() {
		text := stamp(at)
		told.ExpiresAt = &text
	}
	return jsonOf(told)
}
