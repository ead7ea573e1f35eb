package engineio

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
)

// open begins a session. The handler is ready to receive before the client
// learns that the session exists.
func (s *Server) open(w http.ResponseWriter, r *http.Request, transport string) {
	if !s.reserve() {
		s.refuseDraining(w)
		return
	}
	v, ok := s.comeIn(w, r)
	if !ok {
		s.wg.Done()
		return
	}
	if !s.admits(w, r) {
		s.door.leave(v)
		s.wg.Done()
		return
	}
	maps.Copy(w.Header(), s.initial)
	session := &Session{id: s.NewID(), server: s, wire: wireOf(r.URL.Query()), pace: s.newPace(), visitor: v}
	a := &accepted{}
	if transport == WebSocket {
		var err error
		if a, err = s.accept(w, r); err != nil {
			s.door.leave(v)
			s.wg.Done()
			return // accept has answered
		}
		a.conn.session, session.ws = session, a.conn
	}
	session.receiver = s.handlerOf(r).Open(session, s.newHandshake(r))
	if !s.start(session, a.answer) {
		session.abort(w, a.answer)
		return
	}
	if transport == Polling {
		s.cfg.Cookie.set(w, session.id)
		session.servePoll(w, r)
		session.receiver.Opened()
		return
	}
	session.flush()
	session.receiver.Opened()
	session.ws.start(a.early)
}

// reserve counts a session that is about to begin, unless the server drains.
// Close waits for it from then on.
func (s *Server) reserve() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining {
		return false
	}
	s.wg.Add(1)
	return true
}

// start opens and registers a session, with its first packet queued, behind
// the answer to the handshake of its WebSocket. It reports false if the session
// was closed meanwhile, or the server drains.
func (s *Server) start(session *Session, answer []byte) bool {
	session.mu.Lock()
	defer session.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining || session.state != stateOpening {
		return false
	}
	session.state = stateOpen
	session.push(packetFrame(packetOpen, s.openData(session)).behind(answer))
	session.startBeat()
	s.sessions[session.id] = session
	if session.ws != nil {
		s.wg.Add(1) // until Ended
	}
	s.metrics.opened(session)
	return true
}

// abort gives up a session that was never started.
func (s *Session) abort(w http.ResponseWriter, answer []byte) {
	defer s.server.wg.Done()
	defer s.server.door.leave(s.visitor)
	s.receiver.Closed(ServerShutdown)
	if s.ws != nil {
		s.ws.conn.Close(answer)
		return
	}
	s.server.refuseDraining(w)
}

// openData is the payload of the OPEN packet (protocol, "Handshake").
func (s *Server) openData(session *Session) []byte {
	upgrades := ""
	if session.ws == nil && s.cfg.AllowUpgrades && slices.Contains(s.cfg.Transports, WebSocket) {
		upgrades = `"websocket"`
	}
	return fmt.Appendf(nil, `{"sid":%q,"upgrades":[%s],"pingInterval":%d,"pingTimeout":%d,"maxPayload":%d}`,
		session.id, upgrades, s.cfg.PingInterval.Milliseconds(), s.cfg.PingTimeout.Milliseconds(), s.cfg.MaxPayload)
}
