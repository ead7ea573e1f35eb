package authn

import (
	"encoding/json"
	"errors"
)

// ErrNoCredential is the cause of a refusal of a client that shows no credential
// of the kind that the authenticator is for. Another one may decide then.
var ErrNoCredential = errors.New("the client shows no credential of this kind")

// Refusal is the error of a client that is not let in, in the words that the
// client is told.
type Refusal struct {
	// Code is a short, stable word for programs.
	Code string
	// Message is a sentence for people.
	Message string
	// Data is any JSON that the client is told besides; nil if there is none.
	Data json.RawMessage
	// Temporary says that nobody could tell who the client is; it may try
	// again with the same credential.
	Temporary bool
	// Close has the client's connection closed in place of an answer, so that a
	// stock client comes back by itself. A client with other namespaces on the
	// connection is told, and keeps it.
	Close bool
	// Cause is for our log and never sent.
	Cause error
}

// Broken returns the refusal of a client of whom nobody could tell who it is.
func Broken(code string, cause error) *Refusal {
	return &Refusal{Code: code, Message: "Authentication is unavailable", Temporary: true, Cause: cause}
}

// Error returns the code and the message, and the cause if there is one.
func (r *Refusal) Error() string {
	text := r.Code + ": " + r.Message
	if r.Cause != nil {
		text += ": " + r.Cause.Error()
	}
	return text
}

// Unwrap returns the cause.
func (r *Refusal) Unwrap() error { return r.Cause }
