package sio

import (
	"context"
	"sync/atomic"

	"github.com/seed52a35d2d/realtime-server/sio/engineio"
	"github.com/seed52a35d2d/realtime-server/sio/parser"
)

// Handler makes the decisions of a Server.
//
// For one socket the calls never overlap, and come in this order: Connect,
// Connected, any number of Event, Disconnected. They may block; the client's
// next events then wait, and in the end its network does. The contexts end
// when the server is closed.
type Handler interface {
	// Connect decides whether a client may join the socket's namespace. A
	// *Refusal keeps it out and tells it why; any other error keeps it out
	// with "Internal error". The context also ends when the client leaves.
	// The socket is in no room and receives nothing before Connect returns, nor
	// while it waits in the lobby (Welcome.Lobby).
	Connect(ctx context.Context, s *Socket) (*Welcome, error)
	// Connected is called when the client was told that it is connected, and is a
	// member or waits in the lobby.
	Connected(ctx context.Context, s *Socket)
	// Event is called for every event of the client. As long as the client waits
	// in the lobby, the context also ends when it leaves.
	Event(ctx context.Context, s *Socket, e *ClientEvent)
	// Disconnected is called once for every socket that Connected was called
	// for, after its last event.
	Disconnected(ctx context.Context, s *Socket, end End)
}

// Handshake is what is known of the request that a client's session began
// with.
type Handshake = engineio.Handshake

// Arg is one argument of an event or an acknowledgement. Exactly one of JSON
// and Binary is set; see parser.Arg for bytes within JSON.
type Arg = parser.Arg

// Welcome lets a client in.
type Welcome struct {
	// User is who it is; "" belongs to no user.
	User string
	// Rooms that it joins.
	Rooms []string
	// Data is kept for Socket.Data.
	Data any
	// Events are what the client receives first.
	Events []*Event

	// Memory is kept with the socket, and with what its client may come back
	// to: it is what Recall is asked about then. It should be short.
	Memory []byte
	// Recall has a say in whether a client that has proved to be one that was
	// here gets back what it was, by the Memory of then. Where it says no, the
	// client is a new connection. Nil says yes.
	Recall func(memory []byte) bool
	// Admit has the last word, once everybody who looks for the socket finds it:
	// an error keeps the client out, as that of Handler.Connect. Nil lets it in.
	// If it lets the client in, Handler.Disconnected will be called.
	//
	// Both are called under locks. They must not block, and not call anything of
	// this package.
	Admit func() error
	// Lobby has the client wait: it is told that it is connected, and receives
	// the Events, but is no member of the namespace before Socket.Enter. User and
	// Rooms do not count then.
	Lobby bool
}

// Refusal keeps a client out.
type Refusal struct {
	// Message is the message of the client's connect_error.
	Message string
	// Data is the data of the client's connect_error, as JSON; nil means
	// none.
	Data []byte
	// Close closes the client's connection in place of a connect_error, so that
	// a stock client comes back by itself. A client that is also in another
	// namespace, or has asked for one, stays and is told.
	Close bool
}

// Error is the message that the client sees.
func (r *Refusal) Error() string { return r.Message }

// ClientEvent is an event that a client emitted.
type ClientEvent struct {
	Name string
	Args []Arg

	socket *Socket
	size   int // bytes, for the limit of the inbox
	id     uint64
	wants  bool
	acked  atomic.Bool
}

// WantsAck reports whether the client waits for an acknowledgement.
func (e *ClientEvent) WantsAck() bool { return e.wants }

// Ack answers the event, if the client asked for it. Of several calls the
// first counts. The error says which argument cannot be encoded; the event is
// then still unanswered.
func (e *ClientEvent) Ack(args ...Arg) error {
	if !e.wants {
		return nil
	}
	p, err := parser.NewAck(e.socket.namespace.name, e.id, args)
	if err != nil {
		return err
	}
	if e.acked.CompareAndSwap(false, true) {
		_ = e.socket.send(newOutgoing(p, engineio.Options{})) // a client that has left waits for nothing
	}
	return nil
}
