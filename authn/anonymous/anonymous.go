// Package anonymous lets every client in, for development and for feeds that
// are public anyway.
package anonymous

import (
	"context"
	"errors"
	"fmt"

	"github.com/seed52a35d2d/realtime-server/authn"
)

// Authenticator lets every client in, without a user.
type Authenticator struct {
	rooms []string
}

// New returns an authenticator whose clients start in rooms.
func New(rooms ...string) (*Authenticator, error) {
	var faults []error
	for _, room := range rooms {
		if err := authn.CheckName(room); err != nil {
			faults = append(faults, fmt.Errorf("room %q: %w", room, err))
		}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return &Authenticator{rooms: rooms}, nil
}

// CodeMissing is the refusal of a client that refreshes a credential, and shows
// none.
const CodeMissing = "CREDENTIAL_MISSING"

// Authenticate lets newcomers in. Nobody refreshes a credential by it: whoever
// was let in by one that ends, and keeps the rooms that it has brought, would stay
// for ever by showing nothing.
func (a *Authenticator) Authenticate(_ context.Context, h authn.Handshake) (authn.Identity, error) {
	if h.Cause == authn.CauseRefresh {
		return authn.Identity{}, &authn.Refusal{Code: CodeMissing, Message: "A credential is needed", Cause: authn.ErrNoCredential}
	}
	return authn.Identity{Rooms: a.rooms}, nil
}
