// Package ticket lets clients in that bring a ticket: an opaque text that a
// backend has ordered for them, together with who they are. A ticket is short-lived
// and good for one connection: of all who show it, at whatever node, one gets
// in.
//
// An [Office] issues tickets and takes them back. What a ticket stands for lies
// in a [Store] under the hash of its text, so that who reads the store has no
// tickets. The namespace is part of the hash: at another one a ticket is unknown,
// and not used up.
//
// While the store is away, clients with a ticket are kept out with a temporary
// [authn.Refusal]: nobody could tell whether the ticket was used. No error and no
// log line of this package holds a ticket.
//
// The files: office.go issues and takes back, authenticator.go is the client's
// side, grant.go what lies in a store, memory.go the store of a server that is
// alone.
package ticket

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"time"
)

// Codes of the refusals that this package makes.
const (
	// CodeMissing: the client sent no ticket.
	CodeMissing = "TICKET_MISSING"
	// CodeInvalid: the ticket is malformed, unknown, used, or too old.
	CodeInvalid = "TICKET_INVALID"
	// CodeUnavailable: the store is away, so nobody can tell.
	CodeUnavailable = "TICKETS_UNAVAILABLE"
)

// The life of a ticket.
const (
	DefaultLife = 30 * time.Second
	MinLife     = time.Second
	MaxLife     = 10 * time.Minute
)

// MaxGrantBytes is the most that a ticket may stand for.
const MaxGrantBytes = 64 << 10

// Errors of Issue. Any other one means that the store is away.
var (
	// ErrFull: the store has no room.
	ErrFull = errors.New("there is no room for another ticket")
	// ErrTooLarge: the identity takes more than MaxGrantBytes.
	ErrTooLarge = errors.New("the identity is larger than 64 KiB")
)

// Store keeps what tickets stand for. Implementations are safe for concurrent
// use and return once ctx ends.
type Store interface {
	// Put keeps a value until it is taken, or its life is over.
	Put(ctx context.Context, key string, value []byte, life time.Duration) error
	// Take returns a value and forgets it, at once for all nodes; nil if there
	// is none. After an error the value may be gone.
	Take(ctx context.Context, key string) ([]byte, error)
}

// textBytes is how much of a ticket luck decides.
const textBytes = 32

// newText returns a new ticket.
func newText() string {
	random := make([]byte, textBytes)
	_, _ = rand.Read(random) // never fails
	return base64.RawURLEncoding.EncodeToString(random)
}

// wellFormed tells what may be a ticket from what a store need not be asked about.
func wellFormed(text string) bool {
	if len(text) != base64.RawURLEncoding.EncodedLen(textBytes) {
		return false
	}
	_, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return err == nil
}

// keyOf is where a ticket's grant lies. The hash needs neither salt nor work:
// nobody guesses 256 bits.
func keyOf(namespace, text string) string {
	sum := sha256.Sum256([]byte(namespace + "\x00" + text)) // no ticket holds a NUL
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
