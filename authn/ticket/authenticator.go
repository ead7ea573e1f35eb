package ticket

import (
	"context"
	"errors"
	"time"

	"github.com/seed52a35d2d/realtime-server/authn"
	"github.com/seed52a35d2d/realtime-server/authn/place"
)

var errUnknown = errors.New("no such ticket")

// Config says where clients put their ticket.
type Config struct {
	// Auth is a path in the client's auth option. Default "ticket", if Query is
	// empty too.
	Auth string `yaml:"auth"`
	// Query is a key of the handshake's query. Empty means none.
	Query string `yaml:"query"`
}

// WithDefaults returns c with the defaults in place of zeros.
func (c Config) WithDefaults() Config {
	if c == (Config{}) {
		c.Auth = "ticket"
	}
	return c
}

// Place is where the ticket is.
func (c Config) Place() place.Place { return place.Place{Auth: c.Auth, Query: c.Query} }

// Authenticator lets in who brings a ticket.
type Authenticator struct {
	office   *Office
	at       place.Place
	maxRooms int
}

// Authenticator returns one that takes tickets where cfg says, with at most
// maxRooms rooms for one client.
func (o *Office) Authenticator(cfg Config, maxRooms int) *Authenticator {
	return &Authenticator{office: o, at: cfg.WithDefaults().Place(), maxRooms: maxRooms}
}

// Authenticate uses the client's ticket up, whatever becomes of the client
// afterwards. The error is always a [*authn.Refusal].
func (a *Authenticator) Authenticate(ctx context.Context, h authn.Handshake) (authn.Identity, error) {
	text, err := a.at.Find(h.Credentials())
	switch {
	case errors.Is(err, authn.ErrNoCredential):
		return authn.Identity{}, &authn.Refusal{Code: CodeMissing, Message: "A ticket is needed", Cause: err}
	case err != nil:
		return authn.Identity{}, invalid(err)
	}
	identity, err := a.office.redeem(ctx, h.Namespace, text)
	switch {
	case errors.Is(err, errUnknown):
		return authn.Identity{}, invalid(err)
	case err != nil:
		return authn.Identity{}, authn.Broken(CodeUnavailable, err)
	}
	// It may have ended since, or be of a node with other limits.
	if err := identity.Check(a.maxRooms, time.Now()); err != nil {
		return authn.Identity{}, invalid(err)
	}
	return identity, nil
}

func invalid(cause error) *authn.Refusal {
	return &authn.Refusal{Code: CodeInvalid, Message: "The ticket is not valid", Cause: cause}
}
