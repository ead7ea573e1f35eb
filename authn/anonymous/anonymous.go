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

// Authenticate never refuses.
func (a *Authenticator) Authenticate(context.Context, authn.Handshake) (authn.Identity, error) {
	return authn.Identity{Rooms: a.rooms}, nil
}
