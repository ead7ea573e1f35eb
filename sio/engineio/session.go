package engineio

import (
	"sync"

	"github.com/seed52a35d2d/realtime-server/sio/internal/timeout"
)

// Names of the transports.
const (
	Polling   = "polling"
	WebSocket = "websocket"
)

// Handler is told of new sessions.
type Handler interface {
	// Open is called before the client learns of its session. It returns who
	// receives the session's messages. It must not block.
	Open(s *Session, h *Handshake) Receiver
}

// Receiver takes what a session's client sends. Its methods must not block
// and must not call Close of the session. A well-behaved client causes one
// call at a time; one that breaks the protocol may cause several.
type Receiver interface {
	// Message takes one message, whose bytes now belong to the receiver. An
	// error ends the session with ParseError, or as EndWith says.
	Message(m Message) error
	// Opened is called once, when the OPEN packet has been written. The
	// session may have ended meanwhile.
	Opened()
	// Closed is called once, when the session has ended.
	Closed(reason Reason)
}

// Message is one message of a client. Text is valid UTF-8.
type Message struct {
	Binary bool
	Data   []byte
}

type state uint8

const (
	// stateOpening: the handler is being told; the client knows nothing yet.
	stateOpening state = iota
	// stateOpen: everything is possible.
	stateOpen
	// stateClosing: the receiver was told of the end, and the client may
	// still fetch what was queued before it.
	stateClosing
	// stateClosed: nothing is left but the memory.
	stateClosed
)

// Session is one client's link, whatever it is carried by.
type Session struct {
	// Immutable.
	id       string
	server   *Server
	receiver Receiver
	pace     *pace    // nil without a limit
	visitor  *visitor // nil without limits for addresses

	mu    sync.Mutex // guards all below; no I/O, hook or send happens under it
	state state
	wire  wire    // immutable; of polling, and of a WebSocket that it began with
	ws    *wsConn // carries the session; nil while polling does
	probe *wsConn // the upgrade under way
	// probed says that the probe was answered: polls are to return.
	probed  bool
	poll    *poll         // the GET that waits
	posting bool          // a POST is under way
	resumed chan struct{} // closed by Resume; nil unless paused
	out     outbox

	// beat is in server.pings, or in signs() if awaiting, while the session
	// is open; in server.closings while it is closing.
	beat     timeout.Entry[*Session]
	awaiting bool
	// extended says that the client was heard since the ping.
	extended bool
}

// ID is the session's id, 20 characters that nobody can guess.
func (s *Session) ID() string { return s.id }

// Transport is what carries the session at the moment.
func (s *Session) Transport() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ws != nil {
		return WebSocket
	}
	return Polling
}

// Protocol is the revision of Engine.IO that the client speaks: 3 or 4.
func (s *Session) Protocol() int { return s.wire.revision() }

// Pause stops the reading of messages, so that the client's network pushes
// back. Messages that were read already may still come.
func (s *Session) Pause() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.resumed == nil && s.state == stateOpen {
		s.resumed = make(chan struct{})
		if s.ws != nil {
			s.ws.conn.Pause()
		}
	}
}

// Resume ends Pause.
func (s *Session) Resume() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.resume()
}

// resume is Resume under the lock.
func (s *Session) resume() {
	if s.resumed != nil {
		close(s.resumed)
		s.resumed = nil
		if s.ws != nil {
			s.ws.conn.Resume()
		}
	}
}

// waitResumed blocks a POST while the session is paused and open, and done is
// not closed.
func (s *Session) waitResumed(done <-chan struct{}) {
	s.mu.Lock()
	resumed := s.resumed
	s.mu.Unlock()
	if resumed == nil {
		return
	}
	select {
	case <-resumed:
	case <-done:
	}
}

// Close ends the session: what is queued is delivered, then the transport is
// closed, so that a stock client comes back.
func (s *Session) Close(reason Reason) { s.close(reason, nil) }

// handle does what a packet of the client says. The error is an ended.
func (s *Session) handle(p packet) error {
	switch p.kind {
	case packetMessage:
		s.server.metrics.received.Inc()
		if err := s.receiver.Message(Message{Binary: p.binary, Data: p.data}); err != nil {
			return ended(refusedFor(err))
		}
	case packetPing:
		return s.ping()
	case packetPong:
		return s.pong()
	case packetClose:
		return ended(TransportClose)
	case packetOpen, packetUpgrade, packetNoop:
		// Without meaning here, and ignored as by the stock server.
	}
	return nil
}
