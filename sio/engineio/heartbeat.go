package engineio

import "github.com/seed52a35d2d/realtime-server/sio/internal/timeout"

// In Engine.IO 4 the server pings and waits for the pong. In Engine.IO 3 the
// client pings and the server waits for the next ping: such a session waits
// for a sign of life all the time.

// startBeat begins the heartbeat; the lock is held.
func (s *Session) startBeat() {
	if s.wire == wire4 {
		s.server.pings.Set(&s.beat, s)
		return
	}
	s.awaiting = true
	s.signs().Set(&s.beat, s)
}

// signs is the list of those from whom a sign of life is awaited.
func (s *Session) signs() *timeout.List[*Session] {
	if s.wire == wire4 {
		return s.server.pongs
	}
	return s.server.silences
}

// sendPing is what server.pings does when a session's interval is over. The
// deadline of the pong is set before the ping is queued: the client may
// answer at once.
func sendPing(s *Session) {
	s.mu.Lock()
	open := s.state == stateOpen
	if open {
		s.server.pings.Cancel(&s.beat)
		s.signs().Set(&s.beat, s)
		s.awaiting, s.extended = true, false
	}
	s.mu.Unlock()
	if open {
		_ = s.Send(pingPacket) // a session that has just ended needs no ping
	}
}

// missSign is what a list of signs does when one is overdue. A session that we
// do not read from, because its messages wait for their handler, cannot give
// any and gets more time.
func missSign(s *Session) {
	s.mu.Lock()
	// Else something came while this call was under way.
	dead := s.state == stateOpen && s.awaiting && !s.signs().Pending(&s.beat)
	if dead && s.resumed != nil {
		dead = false
		s.signs().Set(&s.beat, s)
	}
	s.mu.Unlock()
	if dead {
		s.close(PingTimeout, nil)
	}
}

// heard notes that something came from the client; the lock is held. Once for
// every ping, this gives it the time for its sign anew: the sign may stand
// behind a long upload.
func (s *Session) heard() {
	if s.awaiting && !s.extended && s.state == stateOpen {
		s.extended = true
		s.signs().Set(&s.beat, s)
	}
}

// pong notes the sign of life of Engine.IO 4. One that nobody asked for counts
// too.
func (s *Session) pong() error {
	if s.wire != wire4 {
		return ended(TransportError) // its clients do not pong
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == stateOpen {
		s.stopBeat()
		s.server.pings.Set(&s.beat, s)
	}
	return nil
}

// ping notes the sign of life of Engine.IO 3 and answers it.
func (s *Session) ping() error {
	if s.wire == wire4 {
		return ended(TransportError) // only servers ping (protocol, "Heartbeat")
	}
	s.mu.Lock()
	if s.state == stateOpen {
		s.extended = false
		s.signs().Set(&s.beat, s)
	}
	s.mu.Unlock()
	_ = s.Send(pongPacket) // a session that has just ended answers no ping
	return nil
}

// stopBeat takes the session out of its list; the lock is held.
func (s *Session) stopBeat() {
	if s.awaiting {
		s.signs().Cancel(&s.beat)
		s.awaiting = false
		return
	}
	s.server.pings.Cancel(&s.beat)
}

// overdue ends a session whose sign is late, even if the timer has not come
// round to it, and reports whether it did.
func (s *Session) overdue() bool {
	s.mu.Lock()
	late := s.state == stateOpen && s.awaiting && s.resumed == nil && s.signs().Overdue(&s.beat)
	s.mu.Unlock()
	if late {
		s.close(PingTimeout, nil)
	}
	return late
}
