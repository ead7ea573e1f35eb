package sio

// Whisper sends an event to this socket and to nobody else: a client that comes
// back does not get it again, wherever that is. It never waits, not for a journal
// either. The error is a *FieldError, ErrClosed or ErrSlowConsumer.
func (s *Socket) Whisper(e *Event) error {
	p, err := e.packet(s.namespace.name)
	if err != nil {
		return err
	}
	r := s.namespace.recovery
	if r == nil {
		return s.send(newOutgoing(p, e.options()))
	}
	r.mu.Lock()
	packet, at := r.stamp(&Event{Volatile: true}, p, e.options(), Target{}) // which are not recorded
	flush, err := s.queueRecorded(packet, at)
	r.mu.Unlock()
	if flush {
		s.conn.session.Flush()
	}
	return err
}
