package service

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/seed52a35d2d/realtime-server/authn"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// Refresh says how clients renew their credentials without a new connection.
type Refresh struct {
	// Event is what they emit for it, with the new credential. Empty means that
	// they cannot.
	Event string `yaml:"event"`
	// MinInterval is the least time between two attempts of one connection. Zero
	// means one second.
	MinInterval time.Duration `yaml:"min_interval"`
}

// Validate reports everything that is wrong with r.
func (r Refresh) Validate() error {
	var faults []error
	if r.Event != "" {
		if err := (&sio.Event{Name: r.Event}).Validate(); err != nil {
			faults = append(faults, fmt.Errorf("event: %w", err))
		}
	}
	if r.MinInterval < 0 {
		faults = append(faults, fmt.Errorf("min_interval: %v is negative", r.MinInterval))
	}
	return errors.Join(faults...)
}

func (r Refresh) takes(e *sio.ClientEvent) bool { return r.Event != "" && e.Name == r.Event }

func (r Refresh) interval() time.Duration {
	if r.MinInterval == 0 {
		return time.Second
	}
	return r.MinInterval
}

// refresh renews the credential of a client. If nothing comes of it, the
// connection stays as it was, until its credential ends. A client has one
// refresh at a time, since its events are handled one after another.
func (g *Gateway) refresh(ctx context.Context, s *sio.Socket, e *sio.ClientEvent) ([]sio.Arg, *failure) {
	ack, failed := g.tryRefresh(ctx, s, e)
	g.metrics.refreshes.WithLabelValues(s.Namespace().Pattern(), failed.outcome()).Inc()
	return ack, failed
}

func (g *Gateway) tryRefresh(ctx context.Context, s *sio.Socket, e *sio.ClientEvent) ([]sio.Arg, *failure) {
	policy, now, was := g.policies[s.Namespace().Pattern()], time.Now(), memberOf(s)
	if now.Sub(was.refreshedAt) < policy.Refresh.interval() {
		return nil, &failure{Code: codeRefreshTooOften, Reason: "The credential was refreshed a moment ago", Temporary: true}
	}
	was.refreshedAt = now
	identity, err := policy.Authenticator.Authenticate(ctx, g.renewal(s, e))
	if err != nil {
		return nil, refreshFailure(err)
	}
	if identity.User != s.User() {
		return nil, &failure{Code: codeRefreshOtherUser, Reason: "The credential is another user's"}
	}
	welcome, err := g.welcome(identity)
	if err == nil {
		err = g.vouch(ctx, s, identity, welcome)
	}
	if err != nil {
		return nil, refreshFailure(err)
	}
	return g.renew(ctx, s, welcome)
}

// renew gives the connection what its new credential brings, all of it or
// nothing.
func (g *Gateway) renew(ctx context.Context, s *sio.Socket, w *sio.Welcome) ([]sio.Arg, *failure) {
	was := memberOf(s)
	is, _ := w.Data.(*member)
	is.refreshedAt = was.refreshedAt
	if err := g.revocations.admit(s, is.credential); err != nil {
		return nil, refreshFailure(err)
	}
	if err := s.Join(w.Rooms...); errors.Is(err, sio.ErrTooManyRooms) {
		g.revocations.release(s, is.credential)
		return nil, &failure{Code: codeTooManyRooms, Reason: "The connection would be in too many rooms"}
	}
	s.Renew(is, w.Memory)
	g.revocations.release(s, was.credential)
	g.watch(s)
	g.registry.Put(recordOf(s))
	if len(w.Rooms) > 0 {
		g.settle(ctx, s)
	}
	for _, e := range w.Events {
		_ = s.Emit(e) //nolint:contextcheck // is sound, so only the client can have left; and Recovery.Timeout bounds it
	}
	return []sio.Arg{expiresArg(is.expiresAt)}, nil
}

// renewal is the handshake of a client that has a newer credential: what it has
// sent with the event stands in place of its auth.
func (g *Gateway) renewal(s *sio.Socket, e *sio.ClientEvent) authn.Handshake {
	h := g.handshake(s)
	h.Recovering = "" // it has what it wanted
	h.Cause, h.Resident.User = authn.CauseRefresh, s.User()
	if metadata := memberOf(s).metadata; metadata != nil {
		h.Resident.Metadata, _ = metadata.MarshalJSON() // was JSON before
	}
	h.Payload = payloadOf(e)
	h.Claims.Auth = json.RawMessage(`{}`)
	if len(e.Args) > 0 && isObject(e.Args[0]) {
		h.Claims.Auth = e.Args[0].JSON
	}
	return h
}

// isObject reports whether an argument, which is valid JSON or bytes, is an object
// without bytes in it.
func isObject(arg sio.Arg) bool {
	return len(arg.Attachments) == 0 && bytes.HasPrefix(bytes.TrimLeft(arg.JSON, " \t\r\n"), []byte("{"))
}

// refreshFailure says what a client is told whose credential was not taken. The
// code of a refusal may be anybody's word, so the metrics have one for all.
func refreshFailure(err error) *failure {
	var refusal *authn.Refusal
	switch {
	case !errors.As(err, &refusal):
		return &failure{Code: codeInternal, Reason: "Internal error", Temporary: true, cause: err}
	case refusal.Temporary:
		return &failure{Code: refusal.Code, Reason: refusal.Message, Temporary: true, cause: err}
	default:
		return &failure{Code: refusal.Code, Reason: refusal.Message, label: refreshRefused}
	}
}

// refreshRefused is the label of refused credentials.
const refreshRefused = "REFUSED"
