// Package chain asks several authenticators who a client is, one after another.
//
// A link passes a client on only if the client shows no credential of the
// link's kind ([authn.ErrNoCredential]). A credential that is there decides:
// if it is wrong, or nobody can tell, the client is kept out, and nobody else is
// asked. Otherwise an expired token would make an anonymous client of a user
// without anybody noticing, an outage would make many, and a client whose token
// was revoked could go on as somebody else by the same token.
package chain

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/seed52a35d2d/realtime-server/authn"
)

// The kinds of links, as the configuration names them.
const (
	JWT       = "jwt"
	Ticket    = "ticket"
	Backend   = "backend"
	Anonymous = "anonymous"
)

// CodeMissing is the refusal of a client that shows no credential of any kind
// that the chain takes.
const CodeMissing = "CREDENTIAL_MISSING"

// Check reports everything that is wrong with the kinds of a chain, in their
// order. Each fault is a line of its own.
func Check(kinds []string) error {
	var faults []error
	for i, kind := range kinds {
		switch {
		case !slices.Contains([]string{JWT, Ticket, Backend, Anonymous}, kind):
			faults = append(faults, fmt.Errorf("chain: %q is none of jwt, ticket, backend and anonymous", kind))
		case slices.Contains(kinds[:i], kind):
			faults = append(faults, fmt.Errorf("chain: %q stands twice", kind))
		case i < len(kinds)-1 && kind == Anonymous:
			faults = append(faults, errors.New("chain: anonymous must be the last: it lets everybody in"))
		case i < len(kinds)-1 && kind == Backend:
			faults = append(faults, errors.New("chain: backend must be the last: it always decides, and accepts whom it likes without a user_id"))
		}
	}
	return errors.Join(faults...)
}

// Authenticator asks its links in their order.
type Authenticator struct {
	links []authn.Authenticator
}

// New returns a chain of at least one link.
func New(links ...authn.Authenticator) *Authenticator { return &Authenticator{links: links} }

// Authenticate returns what the first link says that does not pass the client on.
func (a *Authenticator) Authenticate(ctx context.Context, h authn.Handshake) (authn.Identity, error) {
	var err error
	for _, link := range a.links {
		var identity authn.Identity
		identity, err = link.Authenticate(ctx, h)
		if !errors.Is(err, authn.ErrNoCredential) {
			return identity, err
		}
	}
	if len(a.links) == 1 {
		return authn.Identity{}, err // which knows what kind is wanted
	}
	return authn.Identity{}, &authn.Refusal{Code: CodeMissing, Message: "A credential is needed", Cause: authn.ErrNoCredential}
}
