package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/seed52a35d2d/realtime-server/authn/chain"
	"github.com/seed52a35d2d/realtime-server/authn/place"
)

// kinds are those of the authenticators that decide about the clients, in their
// order, as a chain names them.
// Without a chain it is only one: a backend, if nothing else is said, whether or
// not there is one.
func (n *Namespace) kinds() []string {
	switch {
	case len(n.Chain) > 0:
		return n.Chain
	case n.JWT != nil:
		return []string{chain.JWT}
	case n.Anonymous:
		return []string{chain.Anonymous}
	default:
		return []string{chain.Backend}
	}
}

// asks reports whether somebody of a kind may decide about the clients.
func (n *Namespace) asks(kind string) bool { return slices.Contains(n.kinds(), kind) }

// validateChain reports a chain that cannot be made, and what is beside it
// without being in it.
func (c *Config) validateChain(n Namespace) error {
	if len(n.Chain) == 0 {
		if n.Ticket != nil {
			return errors.New("ticket: needs a chain that names it, such as chain: [ticket]")
		}
		return nil
	}
	faults := []error{chain.Check(n.Chain)}
	fault := func(bad bool, text string) {
		if bad {
			faults = append(faults, errors.New(text))
		}
	}
	named := func(kind string) bool { return slices.Contains(n.Chain, kind) }
	fault(named(chain.JWT) && n.JWT == nil, "chain: jwt needs the section jwt")
	fault(!named(chain.JWT) && n.JWT != nil, "chain: does not name jwt, whose section is there")
	fault(!named(chain.Ticket) && n.Ticket != nil, "chain: does not name ticket, whose section is there")
	fault(named(chain.Backend) && c.backendOf(n) == nil, "chain: backend needs backend.target, here or for all")
	fault(n.Anonymous, "anonymous: stands beside a chain; name it there")
	if n.Ticket != nil {
		faults = append(faults, c.validatePlace("ticket.", n.Ticket.Place()))
		fault(n.JWT != nil && n.Ticket.Place().Overlaps(n.JWT.Token), "ticket: is where jwt.token is, so nobody could tell them apart")
	}
	return errors.Join(faults...)
}

// validatePlace reports a place for credentials that the server does not keep
// of a handshake, or that foreign pages could borrow. The keys begin with
// prefix.
func (c *Config) validatePlace(prefix string, p place.Place) error {
	var faults []error
	for _, name := range p.Headers() {
		if !slices.Contains(c.API.Headers, name) {
			key := "header"
			if name != p.Header {
				key = "cookie"
			}
			faults = append(faults, fmt.Errorf("%s%s: %q is not among api.headers", prefix, key, name))
		}
	}
	if p.Cookie != "" && len(c.SocketIO.Engine.CORS.Origins) == 0 {
		faults = append(faults, errors.New(prefix+"cookie: needs socketio.cors.origins, or every page could connect with its reader's cookie"))
	}
	return errors.Join(faults...)
}
