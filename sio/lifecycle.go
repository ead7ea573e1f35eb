package sio

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/seed52a35d2d/realtime-server/sio/engineio"
	"github.com/seed52a35d2d/realtime-server/sio/parser"
)

// decision is the task of asking the Handler about a socket.
type decision struct{}

func (decision) do(ctx context.Context, s *Socket) { s.decide(ctx) }

// farewell is the task of telling the Handler that a socket has ended.
type farewell struct {
	end  End
	told chan struct{} // closed when the Handler was told; nil if nobody waits
}

func (f farewell) do(ctx context.Context, s *Socket) {
	if f.told != nil {
		defer f.parted(s)
	}
	s.conn.server.handler.Disconnected(ctx, s, f.end)
}

// parted lets those go on who wait until the Handler was told.
func (f farewell) parted(s *Socket) {
	close(f.told)
	if h := s.conn.server.shared; h != nil {
		h.guests.parted(s.track.pid, f.told)
	}
}

// postAlone posts a task and employs a worker for it.
func (s *Socket) postAlone(t task) {
	s.mu.Lock()
	employ := s.post(t)
	s.mu.Unlock()
	if employ {
		s.conn.server.workers.employ(s)
	}
}

// decide asks the Handler and lets the client in or keeps it out.
func (s *Socket) decide(ctx context.Context) {
	s.recall(ctx)
	welcome, err := s.ask(ctx)
	if err != nil {
		s.giveBack()
		s.track.refused(s, err)
		s.refuse(err)
		return
	}
	if welcome.Lobby {
		s.forgo()
	}
	first, err := s.firstPackets(welcome)
	if err == nil {
		err = s.accept(welcome, first)
	}
	if err == nil {
		s.conn.server.handler.Connected(ctx, s)
		return
	}
	s.giveBack()
	s.track.refused(s, err)
	if !errors.Is(err, errLeft) {
		s.refuse(err)
	}
}

// ask calls Handler.Connect with a context that also ends with the socket.
func (s *Socket) ask(ctx context.Context) (welcome *Welcome, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.mu.Lock()
	s.cancel = cancel
	if s.state == closed {
		cancel()
	}
	s.mu.Unlock()
	server := s.conn.server
	if crash := guard(func() { welcome, err = server.handler.Connect(ctx, s) }); crash != nil {
		server.logPanic(crash)
		return nil, crash
	}
	if welcome == nil && err == nil {
		return nil, errNoDecision
	}
	if err == nil && !welcome.Lobby {
		s.awaitEnd(ctx, welcome)
	}
	return welcome, err
}

// firstPackets are what an accepted client receives first: CONNECT, and the
// events of the Welcome.
func (s *Socket) firstPackets(w *Welcome) ([]*outgoing, error) {
	events, err := w.packets(s.namespace)
	return append([]*outgoing{s.connectPacket()}, events...), err
}

// packets are the events of the Welcome. The error is a *FieldError.
func (w *Welcome) packets(n *Namespace) ([]*outgoing, error) {
	var packets []*outgoing
	for _, e := range w.Events {
		p, err := e.packet(n.name)
		if err != nil {
			return nil, err
		}
		packets = append(packets, newOutgoing(p, engineio.Options{Plain: e.Plain, Expires: e.Expires}))
	}
	return packets, nil
}

// accept makes the client a member of its namespace, or one who waits in the
// lobby, and tells it so. The error is errLeft, errNamespaceLimit,
// ErrTooManyRooms or that of Welcome.Admit.
func (s *Socket) accept(w *Welcome, first []*outgoing) (err error) {
	var flush bool
	if w.Lobby {
		flush, err = s.wait(w, first)
	} else {
		flush, err = s.enter(connecting, w, first)
	}
	if flush {
		s.conn.session.Flush()
	}
	return err
}

// enter makes a socket in this state a member. It works under the socket's
// lock, with the packets queued but not written: whoever finds the socket in the
// index and wants to send waits that long, so that CONNECT and the first events
// come first on the wire.
func (s *Socket) enter(from socketState, w *Welcome, first []*outgoing) (flush bool, err error) {
	s.namespace.recovery.lock()
	defer s.namespace.recovery.unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != from {
		return false, errLeft
	}
	directory := s.conn.server.namespaces
	if !directory.admit(s.namespace) {
		return false, errNamespaceLimit
	}
	rooms := w.Rooms
	if s.track != nil {
		s.track.memory = w.Memory
		rooms = s.comeBack(w, first)
	}
	s.member.User = w.User
	if err := s.namespace.index.Add(&s.member, rooms); err != nil {
		s.member.User = ""
		directory.dismiss(s.namespace)
		return false, err
	}
	if err := w.admits(); err != nil {
		s.namespace.index.Remove(&s.member)
		s.member.User = ""
		directory.dismiss(s.namespace)
		return false, err
	}
	s.data, s.connectedAt = w.Data, time.Now()
	if s.state == waiting {
		s.namespace.lobby.Dec()
	}
	s.state, s.cancel = connected, nil
	s.conn.connected()
	s.namespace.sockets.Inc()
	if s.track == nil {
		flush, _ = s.conn.queue(first) // the session's end is not that of this call
		return flush, nil
	}
	flush, err = s.conn.queue(s.begin(rooms, first[1:]))
	s.track.broken = err != nil
	return flush, nil
}

// connectPacket tells a client its id (protocol, "Connection to a namespace"),
// unless it knows it.
func (s *Socket) connectPacket() *outgoing {
	p := &parser.Packet{Type: parser.Connect, Namespace: s.namespace.name}
	switch {
	case s.conn.speaks4():
	case s.track != nil && s.track.pid != "":
		p.Data = []byte(`{"sid":"` + s.ID() + `","pid":"` + s.track.pid + `"}`)
	default:
		p.Data = []byte(`{"sid":"` + s.ID() + `"}`)
	}
	return newOutgoing(p, engineio.Options{})
}

// errInternal is what a client sees when the Handler failed.
var errInternal = &Refusal{
	Message: "Internal error",
	Data:    json.RawMessage(`{"code":"INTERNAL","reason":"Internal error","temporary":true}`),
}

// refuse tells the client why it is kept out, or ends its connection if the
// refusal says so.
func (s *Socket) refuse(err error) {
	refusal := errInternal
	errors.As(err, &refusal)
	cause, ours := refusalCauses[refusal]
	if !ours {
		cause = "handler"
	}
	ends := refusal.Close && s.conn.isOnly(s)
	var last []*outgoing
	if !ends {
		last = append(last, connectError(s.namespace.name, s.conn.refusalData(refusal)))
	}
	if !s.close(End{}, last) {
		return
	}
	s.conn.server.metrics.refused.WithLabelValues(cause).Inc()
	s.conn.server.log.Debug("socket refused",
		slog.String("sid", s.conn.session.ID()), slog.String("namespace", s.namespace.name))
	if ends {
		s.conn.session.Close(engineio.ForcedClose)
	}
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
	last, err := d.packets(s.namespace)
	if err == nil {
		s.disconnect(d, last)
	}
	return err
}

// packets are the last that a client of the namespace receives.
func (d *Disconnect) packets(n *Namespace) ([]*outgoing, error) {
	var packets []*outgoing
	if d.Last != nil {
		p, err := d.Last.packet(n.name)
		if err != nil {
			return nil, err
		}
		packets = append(packets, newOutgoing(p, engineio.Options{Plain: d.Last.Plain}))
	}
	if !d.Reconnect {
		packets = append(packets, n.goodbye)
	}
	return packets, nil
}

func (s *Socket) disconnect(d Disconnect, last []*outgoing) {
	end := End{Reason: d.Reason, Detail: d.Detail, reconnect: d.Reconnect}
	if end.Reason == 0 {
		end.Reason = ReasonServerDisconnect
	}
	if s.close(end, last) && d.Reconnect {
		s.conn.session.Close(engineio.ForcedClose)
	}
}

// close is the only end of a socket. The first caller wins and gets true. last
// are the packets that the client still receives.
//
// The socket leaves the index before the Handler is told. The server waits for
// this function, because it may employ a worker.
func (s *Socket) close(end End, last []*outgoing) bool {
	r := s.namespace.recovery
	r.lock()
	s.mu.Lock()
	was := s.state
	if was == closed {
		s.mu.Unlock()
		r.unlock()
		return false
	}
	var away *absentee
	var gone []*absentee
	if was == connected && s.track != nil {
		if end.reconnect {
			last = s.track.deliverable(r.recordFor(s, last))
		}
		away, gone = s.track.end(s, end)
		s.namespace.index.Remove(&s.member)
	}
	s.state = closed
	cancel, asked := s.cancel, s.asked
	s.asked = nil
	s.conn.server.wg.Add(1) // while the lock keeps conn.Closed from being through
	defer s.conn.server.wg.Done()
	flush := s.conn.drop(s, was.told(), last)
	s.mu.Unlock()
	r.unlock()

	for _, a := range gone {
		stayedAway(a)
	}
	if cancel != nil {
		cancel()
	}
	for _, a := range asked {
		a.left(s)
	}
	switch was {
	case connected:
		s.leave(end, away)
	case waiting:
		s.leaveLobby(end)
	default:
		s.conn.server.namespaces.release(s.namespace)
	}
	if flush {
		s.conn.session.Flush()
	}
	return true
}

// leave takes a connected socket out of its namespace and tells the Handler.
func (s *Socket) leave(end End, away *absentee) {
	server := s.conn.server
	s.namespace.index.Remove(&s.member)
	s.namespace.sockets.Dec()
	server.namespaces.dismiss(s.namespace)
	server.metrics.disconnected.WithLabelValues(end.Reason.String()).Inc()
	end.At = time.Now()
	if away == nil {
		server.namespaces.release(s.namespace)
		s.postAlone(farewell{end: end})
		return
	}
	if server.shared != nil {
		server.namespaces.release(s.namespace)
	}
	s.postAlone(farewell{end, away.ended}) // otherwise the namespace is released when it is given up
}
