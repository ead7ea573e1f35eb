package sio

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"
	"unsafe"

	"github.com/seed52a35d2d/realtime-server/sio/adapter"
	"github.com/seed52a35d2d/realtime-server/sio/engineio"
	"github.com/seed52a35d2d/realtime-server/sio/parser"
)

type socketState uint8

const (
	// connecting: the Handler decides.
	connecting socketState = iota
	// waiting: the client was told that it is connected, and is in the lobby.
	waiting
	// connected: the client is a member, and was told that it is connected.
	connected
	// closed: nothing is sent or received any more.
	closed
)

// told reports whether the client takes itself for connected.
func (s socketState) told() bool { return s == waiting || s == connected }

// Socket is one client in one namespace.
type Socket struct {
	// Immutable. member.User is set when the client is let in, and member.ID
	// and Origin once more if it is back (Socket.comeBack).
	namespace *Namespace
	conn      *conn
	auth      json.RawMessage
	member    adapter.Member[*Socket]

	mu          sync.Mutex // see enter for what happens under it
	state       socketState
	cancel      context.CancelFunc // ends the context of Handler.Connect, and of Event in the lobby
	data        any
	connectedAt time.Time
	inbox       inbox
	track       *track           // nil if the client cannot come back; else it stays, unless Socket.wait takes it away
	asked       map[uint64]*Acks // acknowledgements that are waited for, by id
}

func newSocket(n *Namespace, c *conn, auth []byte) *Socket {
	s := &Socket{namespace: n, conn: c}
	s.track, auth = newTrack(n, c, auth)
	s.auth = auth
	if auth == nil {
		s.auth = json.RawMessage(`{}`)
	}
	s.member.ID, s.member.Value = c.socketID(n), s
	s.member.Origin = TagOf(s.member.ID)
	return s
}

// ID is the socket's id, as the client knows it.
func (s *Socket) ID() string { return s.member.ID }

// TagOf is what a socket's id begins with: Config.Engine.Tag of the node that has
// made it, where the socket still is unless its client came back elsewhere. It is
// "" for what is no id.
func TagOf(id string) string { return engineio.TagOf(id) }

// Namespace is where the socket is.
func (s *Socket) Namespace() *Namespace { return s.namespace }

// User is what Welcome said; "" before.
func (s *Socket) User() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.member.User
}

// Data is what Welcome said, or Renew; nil before.
func (s *Socket) Data() any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.data
}

// ConnectedAt is when the client was let in; zero before.
func (s *Socket) ConnectedAt() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connectedAt
}

// Auth is what the client gave as its `auth` option, "{}" if nothing.
func (s *Socket) Auth() json.RawMessage { return s.auth }

// Handshake is what is known of the client's first request.
func (s *Socket) Handshake() *Handshake { return s.conn.handshake }

// Transport is what carries the client at the moment: "polling" or
// "websocket".
func (s *Socket) Transport() string { return s.conn.session.Transport() }

// Rooms are the rooms the socket is in, sorted.
func (s *Socket) Rooms() []string { return s.namespace.index.RoomsOf(&s.member) }

// Join makes the socket join rooms: all of them, or none if it returns
// ErrTooManyRooms or ErrClosed.
func (s *Socket) Join(rooms ...string) error {
	r := s.namespace.recovery
	r.lock()
	defer r.unlock()
	s = r.heir(s)
	err := s.namespace.index.Join(&s.member, rooms)
	switch {
	case errors.Is(err, adapter.ErrGone):
		return ErrClosed
	case errors.Is(err, ErrTooManyRooms):
		s.conn.server.metrics.joinsRefused.Inc()
	}
	if err == nil && s.track != nil {
		s.track.stays.join(rooms, r.now())
		s.moved()
	}
	return err
}

// Leave makes the socket leave rooms.
func (s *Socket) Leave(rooms ...string) {
	r := s.namespace.recovery
	r.lock()
	defer r.unlock()
	s = r.heir(s)
	s.namespace.index.Leave(&s.member, rooms)
	if s.track != nil {
		s.track.stays.leave(rooms, r.now())
		s.moved()
	}
}

// moved says that the socket's rooms have changed; recovery.mu is held.
func (s *Socket) moved() {
	if h := s.namespace.recovery.shared; h != nil {
		h.guests.touch(s.track.pid)
	}
}

// Emit sends an event to this socket alone. The error is a *FieldError,
// ErrClosed or ErrSlowConsumer; after the last two a client that is given back
// what it missed still gets it. With a journal it may be ErrUncertain, and is nil
// for a client that has left.
func (s *Socket) Emit(e *Event) error {
	p, err := e.packet(s.namespace.name)
	if err != nil {
		return err
	}
	if s.InLobby() {
		return s.send(newOutgoing(p, e.options()))
	}
	if h := s.namespace.journal(); h != nil && !e.Volatile {
		_, err := h.emit(s.namespace, Target{IDs: []string{s.member.ID}}, e, p)
		return err
	}
	if r := s.namespace.recovery; r != nil {
		return r.emitTo(s, e, p)
	}
	return s.send(newOutgoing(p, e.options()))
}

// send queues a packet and writes it.
func (s *Socket) send(o *outgoing) error {
	flush, err := s.queue(o)
	if flush {
		s.conn.session.Flush()
	}
	return err
}

// queue queues a packet, unless the socket has ended. Where the socket is being
// let in at this moment, it waits for that, so that nothing precedes the
// CONNECT packet.
func (s *Socket) queue(o *outgoing) (flush bool, err error) {
	f := o.frame(s.conn.dialect)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.state.told() {
		f.Drop()
		return false, ErrClosed
	}
	return s.conn.session.Queue(f)
}

// receive puts an event of the client into the inbox.
func (s *Socket) receive(p *parser.Packet) error {
	name, args, err := p.Event()
	if err != nil {
		return err
	}
	if len(name) > s.conn.server.cfg.MaxEventName {
		return errEventName
	}
	s.conn.server.metrics.received.Inc()
	e := &ClientEvent{Name: name, Args: args, socket: s, id: p.ID, wants: p.HasID, size: sizeOf(p, args)}
	employ, err := s.admit(e)
	if employ {
		s.conn.server.workers.employ(s)
	}
	return err
}

// admit puts an event into the inbox of a socket whose client was told that it
// is connected.
func (s *Socket) admit(e *ClientEvent) (employ bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == connecting {
		return false, errNotConnected
	}
	if s.state == closed {
		return false, nil // it was sent before the client knew of the end
	}
	s.conn.flow.add(e.size)
	return s.post(e), nil
}

// do gives the event to the Handler.
func (e *ClientEvent) do(ctx context.Context, s *Socket) {
	defer s.conn.flow.done(e.size)
	ctx, end, heard := s.attend(ctx)
	if !heard {
		return
	}
	defer end()
	s.conn.server.handler.Event(ctx, s, e)
}

// What a waiting event and each of its arguments cost beside the payload, in
// bytes.
const (
	eventOverhead = 256
	argOverhead   = int(unsafe.Sizeof(Arg{}))
)

// sizeOf is what a packet of a client counts for while it waits, in bytes.
func sizeOf(p *parser.Packet, args []Arg) int {
	size := eventOverhead + len(p.Data) + len(args)*argOverhead
	for _, a := range p.Attachments {
		size += len(a)
	}
	return size
}
