package sio

// What the Handler lets a socket keep: data for itself, and a memory that
// outlives the socket for as long as its client may come back.

func (w *Welcome) admits() error {
	if w.Admit == nil {
		return nil
	}
	return w.Admit()
}

func (w *Welcome) recalls(a *absentee) bool {
	return w.User == a.user && (w.Recall == nil || w.Recall(a.memory))
}

// Renew replaces what Welcome gave as Data and as Memory.
func (s *Socket) Renew(data any, memory []byte) {
	r := s.namespace.recovery
	r.lock()
	defer r.unlock()
	if s.track != nil {
		s.track.memory = memory
		s.moved()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data = data
}
