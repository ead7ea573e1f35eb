package sio

import (
	"errors"

	"github.com/seed52a35d2d/realtime-server/sio/adapter"
	"github.com/seed52a35d2d/realtime-server/sio/engineio"
)

// Errors of a Socket's methods.
var (
	// ErrClosed: the socket is not connected, or not any more.
	ErrClosed = engineio.ErrClosed
	// ErrSlowConsumer: the client is too far behind, and is being closed.
	ErrSlowConsumer = engineio.ErrSlowConsumer
	// ErrTooManyAcks: the server waits for as many acknowledgements as it may.
	ErrTooManyAcks = errors.New("too many acknowledgements are waited for")
	// ErrTooManyRooms: the socket would be in more rooms than it may.
	ErrTooManyRooms = adapter.ErrTooManyRooms
)

// Why a client that was asked about does not get in.
var (
	errLeft       = errors.New("client has left")
	errNoDecision = errors.New("handler returned neither a welcome nor an error")
)

// Refusals that the server itself makes, by the cause that they are counted
// under.
var (
	errInvalidNamespace = &Refusal{Message: "Invalid namespace"}
	// errNamespaceLimit: there are as many dynamic namespaces as may be.
	errNamespaceLimit = &Refusal{
		Message: "Too many namespaces",
		Data:    []byte(`{"code":"NAMESPACE_LIMIT","reason":"Too many namespaces","temporary":true}`),
	}
	// errClientNamespaceLimit: the client is in as many namespaces as it may.
	errClientNamespaceLimit = &Refusal{
		Message: "Too many namespaces",
		Data:    []byte(`{"code":"CLIENT_NAMESPACE_LIMIT","reason":"Too many namespaces","temporary":false}`),
	}

	refusalCauses = map[*Refusal]string{
		errInvalidNamespace:     "invalid namespace",
		errNamespaceLimit:       "namespace limit",
		errClientNamespaceLimit: "client namespace limit",
	}
)

// What a client does wrong beyond the syntax of packets; it ends the session.
var (
	errNotConnected = errors.New("packet for a namespace that is not connected")
	errConnectTwice = errors.New("second CONNECT for a namespace")
)

// ignoreClosed is for sends to a client that may just have left.
func ignoreClosed(err error) error {
	if errors.Is(err, ErrClosed) {
		return nil
	}
	return err
}
