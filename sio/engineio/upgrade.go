package engineio

import "net/http"

// upgrade begins to move a polling session to a WebSocket (protocol,
// "Upgrade"): the client sends `2probe` and gets `3probe`, polls return, and
// with `5` the WebSocket takes over.
func (s *Session) upgrade(w http.ResponseWriter, r *http.Request) {
	if !s.mayUpgrade() {
		s.server.refuse(w, r, codeBadRequest)
		return
	}
	a, err := s.server.accept(w, r)
	if err != nil {
		return // accept has answered
	}
	c := a.conn
	c.session = s
	s.mu.Lock()
	ok := s.state == stateOpen && s.ws == nil && s.probe == nil
	if ok {
		s.probe = c
		s.server.upgrades.Set(&c.deadline, c)
		s.server.wg.Add(1)
	}
	s.mu.Unlock()
	if !ok {
		c.conn.Close(a.answer)
		return
	}
	if err := c.writeAside(a.answer); err != nil {
		c.Ended(err)
		return
	}
	c.start(a.early)
}

// mayUpgrade reports whether an upgrade makes sense now. It spares a useless
// handshake; what counts is decided under the lock once more.
func (s *Session) mayUpgrade() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.server.cfg.AllowUpgrades && s.state == stateOpen && s.ws == nil && s.probe == nil
}

// abandon is what server.upgrades does with an upgrade that takes too long.
func abandon(c *wsConn) {
	c.session.mu.Lock()
	pending := c.session.probe == c
	if pending {
		c.session.probe, c.session.probed = nil, false
	}
	c.session.mu.Unlock()
	if pending {
		c.session.server.metrics.upgrades.WithLabelValues("timeout").Inc()
		c.close(nil)
	}
}

// fromProbe handles a packet on a WebSocket that does not carry the session
// yet.
func (s *Session) fromProbe(c *wsConn, p packet) error {
	switch {
	case p.kind == packetPing && string(p.data) == "probe":
		return s.answerProbe(c)
	case p.kind == packetUpgrade && s.takeOver(c):
		s.server.metrics.upgrades.WithLabelValues("done").Inc()
		s.flush()
		return nil
	default:
		return ended(ParseError)
	}
}

// answerProbe tells the client that the WebSocket works, and lets the poll
// return that the client waits for before it goes on.
func (s *Session) answerProbe(c *wsConn) error {
	if err := c.writeAside(c.bytes(probeAnswer)); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.probe == c {
		s.probed = true
		if s.poll != nil && len(s.out.frames) == 0 {
			s.push(noopPacket)
		}
	}
	return nil
}

// takeOver makes the WebSocket carry the session. The queue, which belongs to
// the session, is from then on read by it: nothing is lost or reordered. This
// holds for a session that is closing as well. The caller flushes.
func (s *Session) takeOver(c *wsConn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == stateClosed || s.probe != c || !s.probed {
		return false
	}
	if s.state == stateClosing {
		s.out.replace(closePacket, wsGoodbye)
	}
	s.server.upgrades.Cancel(&c.deadline)
	s.ws, s.probe = c, nil
	if s.resumed != nil {
		c.conn.Pause()
	}
	s.out.writing = true
	s.wakePoll()
	return true
}
