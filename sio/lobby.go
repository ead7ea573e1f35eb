package sio

import (
	"context"
	"errors"
	"time"
)

// A client in the lobby has been told that it is connected, and is no member of
// its namespace: it is in no room, no Target reaches it, and it is not counted
// among the namespace's sockets. Its events go to the Handler, which lets it in
// with Socket.Enter. It is for those who settle who a client is in a
// conversation with it, after CONNECT.
//
// Who has waited in the lobby cannot come back (Recovery): what makes that
// possible is told with CONNECT, when nobody knows yet who the client is.

// errLobby ends an attempt to come back, for the metrics.
var errLobby = errors.New("the client has to wait in the lobby")

// InLobby reports whether the socket waits in the lobby.
func (s *Socket) InLobby() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state == waiting
}

// Alone reports whether the client is in no other namespace, and has asked for
// none: to close its connection takes nothing else from it.
func (s *Socket) Alone() bool { return s.conn.isOnly(s) }

// forgo gives up that the client is what it was before.
func (s *Socket) forgo() {
	if s.track != nil {
		s.giveBack()
		s.track.refused(s, errLobby)
		s.track.comeback = nil
	}
}

// wait takes a client into the lobby and tells it that it is connected. The
// error is errLeft.
func (s *Socket) wait(w *Welcome, first []*outgoing) (flush bool, err error) {
	s.namespace.recovery.lock()
	defer s.namespace.recovery.unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cancel = nil
	if s.state != connecting {
		return false, errLeft
	}
	s.track = nil
	s.data = w.Data
	s.state = waiting
	s.conn.connected()
	s.namespace.lobby.Inc()
	flush, _ = s.conn.queue(first) // the session's end is not that of this call
	return flush, nil
}

// Enter makes a client that waits in the lobby a member of its namespace, as
// Handler.Connect does with those who need not wait: it joins the rooms, and the
// events of the Welcome are the first that it receives as a member, as one step.
// It is called by Handler.Event.
//
// The error is ErrClosed if the client does not wait there any more,
// ErrTooManyRooms, a *FieldError about an event, or a *Refusal if the namespace
// has no place. The client is then where it was.
func (s *Socket) Enter(w *Welcome) error {
	first, err := w.packets(s.namespace)
	if err != nil {
		return err
	}
	flush, err := s.enter(waiting, w, first)
	if flush {
		s.conn.session.Flush()
	}
	if errors.Is(err, errLeft) {
		return ErrClosed
	}
	return err
}

// attend gives the context of an event's handling. As long as the client waits
// in the lobby, the context also ends with the socket. It is false for what a
// client has left behind that never came further than the lobby.
func (s *Socket) attend(ctx context.Context) (context.Context, context.CancelFunc, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.state == closed && s.connectedAt.IsZero():
		return ctx, nil, false
	case s.state != waiting:
		return ctx, func() {}, true
	}
	ctx, s.cancel = context.WithCancel(ctx)
	return ctx, s.cancel, true
}

// leaveLobby is the end of a socket that was never let in.
func (s *Socket) leaveLobby(end End) {
	server := s.conn.server
	s.namespace.lobby.Dec()
	server.metrics.disconnected.WithLabelValues(end.Reason.String()).Inc()
	server.namespaces.release(s.namespace)
	end.At = time.Now()
	s.postAlone(farewell{end: end})
}
