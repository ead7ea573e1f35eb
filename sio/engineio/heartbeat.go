package engineio

// sendPing is what server.pings does when a session's interval is over. The
// deadline of the pong is set before the ping is queued: the client may
// answer at once.
func sendPing(s *Session) {
	s.mu.Lock()
	open := s.state == stateOpen
	if open {
		s.server.pings.Cancel(&s.beat)
		s.server.pongs.Set(&s.beat, s)
		s.ponging, s.answered = true, false
	}
	s.mu.Unlock()
	if open {
		_ = s.Send(pingPacket) // a session that has just ended needs no ping
	}
}

// missPong is what server.pongs does when a pong is overdue. A session that
// we do not read from, because its messages wait for their handler, cannot
// answer and gets more time.
func missPong(s *Session) {
	s.mu.Lock()
	// Else something came while this call was under way.
	dead := s.state == stateOpen && s.ponging && !s.server.pongs.Pending(&s.beat)
	if dead && s.resumed != nil {
		dead = false
		s.server.pongs.Set(&s.beat, s)
	}
	s.mu.Unlock()
	if dead {
		s.close(PingTimeout, nil)
	}
}

// heard notes that something came from the client; the lock is held. Once for
// every ping, this gives it the time for the pong anew: the pong may stand
// behind a long upload.
func (s *Session) heard() {
	if s.ponging && !s.answered && s.state == stateOpen {
		s.answered = true
		s.server.pongs.Set(&s.beat, s)
	}
}

// pong notes a sign of life. One that nobody asked for counts too.
func (s *Session) pong() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == stateOpen {
		s.stopBeat()
		s.server.pings.Set(&s.beat, s)
	}
}

// stopBeat takes the session out of both lists; the lock is held.
func (s *Session) stopBeat() {
	if s.ponging {
		s.server.pongs.Cancel(&s.beat)
		s.ponging = false
		return
	}
	s.server.pings.Cancel(&s.beat)
}

// overdue ends a session whose pong is late, even if the timer has not come
// round to it, and reports whether it did.
func (s *Session) overdue() bool {
	s.mu.Lock()
	late := s.state == stateOpen && s.ponging && s.resumed == nil && s.server.pongs.Overdue(&s.beat)
	s.mu.Unlock()
	if late {
		s.close(PingTimeout, nil)
	}
	return late
}
