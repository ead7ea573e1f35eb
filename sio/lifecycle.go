package sio

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/seed52a35d2d/realtime-server/sio/engineio"
	"github.com/seed52a35d2d/realtime-server/sio/parser"
)

// start has the Handler decide about the socket. The conn's lock is held.
func (s *Socket) start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.post(s.decide)
}

// decide asks the Handler and lets the client in or keeps it out.
func (s *Socket) decide(ctx context.Context) {
	welcome, err := s.ask(ctx)
	if err == nil {
		err = s.accept(welcome)
	}
	switch {
	case err == nil:
		s.conn.server.handler.Connected(ctx, s)
	case !errors.Is(err, ErrClosed):
		s.refuse(err)
	}
}

// ask calls Handler.Connect with a context that also ends with the socket.
func (s *Socket) ask(ctx context.Context) (welcome *Welcome, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.mu.Lock()
	s.cancel = cancel
	gone := s.state == closed
	s.mu.Unlock()
	if gone {
		return nil, ErrClosed
	}
	server := s.conn.server
	if crash := guard(ctx, func(ctx context.Context) { welcome, err = server.handler.Connect(ctx, s) }); crash != nil {
		server.logPanic(crash)
		return nil, crash
	}
	return welcome, err
}

// accept makes the client a member of its namespace and tells it so. All of it
// happens under the socket's lock, with the packets queued but not written:
// whoever finds the socket in the index and wants to send waits that long, so
// that CONNECT and the first events come first on the wire.
func (s *Socket) accept(w *Welcome) error {
	frames := []*engineio.Frame{s.connectFrame()}
	for _, e := range w.Events {
		p, err := e.packet(s.namespace.name)
		if err != nil {
			return err
		}
		frames = append(frames, encode(p, engineio.Options{Expires: e.Expires}))
	}
	flush, err := s.enter(w, frames)
	if flush {
		s.conn.session.Flush()
	}
	if errors.Is(err, engineio.ErrSlowConsumer) {
		s.conn.session.Close(engineio.SlowConsumer)
		return nil // it was let in, and is told of its end in order
	}
	return err
}

func (s *Socket) enter(w *Welcome, frames []*engineio.Frame) (flush bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != connecting {
		return false, ErrClosed
	}
	s.member.User, s.data, s.connectedAt = w.User, w.Data, time.Now()
	if err := s.namespace.index.Add(&s.member, w.Rooms); err != nil {
		return false, err
	}
	s.state = connected
	s.conn.connected()
	s.namespace.sockets.Inc()
	for _, f := range frames {
		mustFlush, err := s.conn.session.Queue(f)
		flush = flush || mustFlush
		if errors.Is(err, engineio.ErrSlowConsumer) {
			return flush, err
		}
	}
	return flush, nil
}

// connectFrame tells a client its id (protocol, "Connection to a namespace").
func (s *Socket) connectFrame() *engineio.Frame {
	data := []byte(`{"sid":"` + s.ID() + `"}`)
	return encode(&parser.Packet{Type: parser.Connect, Namespace: s.namespace.name, Data: data}, engineio.Options{})
}

// errInternal is what a client sees when the Handler failed.
var errInternal = &Refusal{
	Message: "Internal error",
	Data:    json.RawMessage(`{"code":"INTERNAL","reason":"Internal error","temporary":true}`),
}

// refuse tells the client why it is kept out.
func (s *Socket) refuse(err error) {
	refusal := errInternal
	errors.As(err, &refusal)
	s.conn.server.metrics.refused.WithLabelValues("handler").Inc()
	_ = s.conn.session.Send(refusalFrame(s.namespace.name, refusal)) // a client that has left need not know
	s.close(End{}, nil)
}

// Disconnect says how Socket.Disconnect ends a socket.
type Disconnect struct {
	// Reconnect closes the client's connection, so that a stock client comes
	// back, with all its namespaces. Otherwise the client receives a
	// DISCONNECT packet and stays away.
	Reconnect bool
	// Reason is ReasonServerDisconnect if zero.
	Reason Reason
	// Detail is for End.
	Detail string
	// Last is an event that the client receives before; nil means none.
	Last *Event
}

// Disconnect ends the socket. What was emitted before is delivered. The error
// is a *FieldError about Last; the socket then lives on.
func (s *Socket) Disconnect(d Disconnect) error {
	frames, err := d.frames(s.namespace)
	if err == nil {
		s.disconnect(d, frames)
	}
	return err
}

// frames are the last that a client of the namespace receives.
func (d *Disconnect) frames(n *Namespace) ([]*engineio.Frame, error) {
	var frames []*engineio.Frame
	if d.Last != nil {
		p, err := d.Last.packet(n.name)
		if err != nil {
			return nil, err
		}
		frames = append(frames, encode(p, engineio.Options{}))
	}
	if !d.Reconnect {
		frames = append(frames, n.goodbye)
	}
	return frames, nil
}

func (s *Socket) disconnect(d Disconnect, frames []*engineio.Frame) {
	end := End{Reason: d.Reason, Detail: d.Detail}
	if end.Reason == 0 {
		end.Reason = ReasonServerDisconnect
	}
	if s.close(end, frames) && d.Reconnect {
		s.conn.session.Close(engineio.ForcedClose)
	}
}

// close is the only end of a socket. The first caller wins and gets true. last
// are the frames that the client still receives.
//
// The socket leaves the index before the Handler is told. The server waits for
// this function, because it may start a goroutine.
func (s *Socket) close(end End, last []*engineio.Frame) bool {
	s.mu.Lock()
	was := s.state
	if was == closed {
		s.mu.Unlock()
		return false
	}
	s.state = closed
	cancel := s.cancel
	s.conn.server.wg.Add(1) // while the lock keeps conn.Closed from being through
	defer s.conn.server.wg.Done()
	flush := false
	for _, f := range last {
		mustFlush, _ := s.conn.session.Queue(f) // a client that cannot be told is gone, or as good as
		flush = flush || mustFlush
	}
	s.mu.Unlock()

	if cancel != nil {
		cancel()
	}
	if was == connected {
		s.leave(end)
	}
	s.conn.drop(s, was == connected)
	if flush {
		s.conn.session.Flush()
	}
	return true
}

// leave takes a connected socket out of its namespace and tells the Handler.
func (s *Socket) leave(end End) {
	s.namespace.index.Remove(&s.member)
	s.namespace.sockets.Dec()
	server := s.conn.server
	server.metrics.disconnected.WithLabelValues(end.Reason.String()).Inc()
	end.At = time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.post(func(ctx context.Context) { server.handler.Disconnected(ctx, s, end) })
}
