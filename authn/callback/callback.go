// Package callback asks the application's backend who a client is, by
// RealtimeBackend.Authenticate.
//
// The backend's answer is Accept or Refuse. Everything else (no answer in
// time, an error, a reply that makes no sense) keeps the client out with a
// temporary [authn.Refusal]: nobody could tell who it is.
package callback

import (
	"context"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/seed52a35d2d/realtime-server/authn"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

// Codes of the refusals that this package makes itself.
const (
	// CodeUnavailable: the backend did not answer, or with an error.
	CodeUnavailable = "BACKEND_UNAVAILABLE"
	// CodeInvalidReply: the backend's reply makes no sense.
	CodeInvalidReply = "BACKEND_INVALID_REPLY"
)

// What a Refuse without code or message means.
const (
	defaultCode    = "REFUSED"
	defaultMessage = "Connection refused"
)

// Backend is the part of the backend that this package calls. It must return
// when its context ends or its own deadline has passed.
type Backend interface {
	Authenticate(context.Context, *realtimev1.AuthenticateRequest) (*realtimev1.AuthenticateResponse, error)
}

// Authenticator asks a backend.
type Authenticator struct {
	backend  Backend
	maxRooms int
}

// New returns an authenticator that asks b and takes at most maxRooms rooms
// for one client.
func New(b Backend, maxRooms int) *Authenticator {
	return &Authenticator{backend: b, maxRooms: maxRooms}
}

// Authenticate returns whom the backend accepted. The error is always a
// [*authn.Refusal].
func (a *Authenticator) Authenticate(ctx context.Context, h authn.Handshake) (authn.Identity, error) {
	question, err := questionOf(h)
	if err != nil {
		return authn.Identity{}, authn.Broken(CodeUnavailable, err)
	}
	asked := time.Now() // of what was revoked later, the backend may not have known
	reply, err := a.backend.Authenticate(ctx, question)
	if err != nil {
		return authn.Identity{}, authn.Broken(CodeUnavailable, err)
	}
	identity, err := a.read(reply)
	identity.IssuedAt = asked
	return identity, err
}

func (a *Authenticator) read(reply *realtimev1.AuthenticateResponse) (authn.Identity, error) {
	switch result := reply.GetResult().(type) {
	case *realtimev1.AuthenticateResponse_Accept:
		return a.accept(result.Accept)
	case *realtimev1.AuthenticateResponse_Refuse:
		return authn.Identity{}, refuse(result.Refuse)
	}
	return authn.Identity{}, authn.Broken(CodeInvalidReply, errNoResult)
}

func (a *Authenticator) accept(accept *realtimev1.Accept) (authn.Identity, error) {
	identity, err := identityOf(accept)
	if err == nil {
		err = identity.Check(a.maxRooms, time.Now())
	}
	if err != nil {
		return authn.Identity{}, authn.Broken(CodeInvalidReply, err)
	}
	return identity, nil
}

func refuse(refuse *realtimev1.Refuse) error {
	refusal := &authn.Refusal{Code: refuse.GetCode(), Message: refuse.GetMessage()}
	if refusal.Code == "" {
		refusal.Code = defaultCode
	}
	if refusal.Message == "" {
		refusal.Message = defaultMessage
	}
	if refuse.GetData() != nil {
		data, err := protojson.Marshal(refuse.GetData())
		if err != nil {
			return authn.Broken(CodeInvalidReply, err)
		}
		refusal.Data = data
	}
	return refusal
}
