// Package authn answers one question about a client that wants to connect:
// who is it?
//
// An [Authenticator] takes a [Handshake] and returns either an [Identity] or
// an error. An error of type [*Refusal] says what the client is told; its
// field Temporary tells a refusal (the credential is no good) from a breakdown
// (nobody could tell). Any other error is a breakdown as well. Nobody gets in
// on a breakdown.
//
// The package is plain Go without dependencies. The authenticators stand in
// packages of their own: anonymous, callback, jwt and ticket, and chain, which
// asks several of them. Package place finds what a client shows. Package apikey is
// about the other side, the backends that call us.
package authn

import "context"

// Authenticator decides who a client is. Implementations are safe for
// concurrent use and return once ctx ends.
type Authenticator interface {
	Authenticate(ctx context.Context, h Handshake) (Identity, error)
}
