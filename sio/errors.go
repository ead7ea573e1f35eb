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
	// ErrTooManyRooms: the socket would be in more rooms than it may.
	ErrTooManyRooms = adapter.ErrTooManyRooms
)

// Why a client that was asked about does not get in.
var (
	errLeft       = errors.New("client has left")
	errNoDecision = errors.New("handler returned neither a welcome nor an error")
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
