// Package link is what lies under a WebSocket: connections that tell their
// owner what has come, and that never make a writer wait.
//
// How they wait for the network is the affair of a Poller. Goroutines is the
// one that works everywhere; package netloop has one for Linux.
package link

import (
	"net"
	"time"
)

// LingerTime is how long a connection may stay after its last word.
const LingerTime = time.Second

// Poller takes connections over, and waits for their bytes.
type Poller interface {
	// Adopt makes a Conn of a connection, which belongs to it from then on.
	Adopt(conn net.Conn, owner Owner) Conn
	// Close returns when nothing of the Poller is left. All Conns must have
	// been closed.
	Close()
}

// Owner is told what happens on its Conn. Its methods must not block: others
// may wait for the same goroutine.
type Owner interface {
	// Received takes bytes, which are valid during the call. An error ends
	// the reading.
	Received(p []byte) error
	// Ended is called once for every Conn that was started, when nothing will
	// be received any more. The error is io.EOF if the peer has ended the
	// connection, the error of Received, or net.ErrClosed. The owner closes
	// the Conn, if it has not done so.
	Ended(err error)
}

// Conn is a connection. Received and Ended are never called at the same time,
// everything else may be.
type Conn interface {
	// Start begins to read. It is called once.
	Start()
	// Pause stops the reading, so that the network pushes back. What was read
	// already may still come.
	Pause()
	// Resume ends Pause.
	Resume()
	// TryWrite writes as much as is possible without waiting, which may be
	// nothing. It is for one writer at a time, and not while a Write is under
	// way.
	TryWrite(p []byte) (int, error)
	// Write writes all of p in the background and calls done, which like an
	// Owner's methods must not block. Several are done in their order. p must
	// not change before.
	Write(p []byte, done func(err error))
	// Close ends the connection, and everything that is under way on it. last
	// is written before, if the peer takes it soon: then the connection stays
	// for up to LingerTime, until the peer has closed its side. What the peer
	// sends meanwhile is thrown away; were the connection closed with it
	// unread, TCP would reset it, and the peer might never see the last word.
	// Only the first call counts.
	Close(last []byte)
}
