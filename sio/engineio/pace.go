package engineio

import (
	"sync"
	"time"
)

// pace is how fast a client has sent lately. A session has one only where the
// configuration limits it.
type pace struct {
	mu              sync.Mutex // stands alone
	messages, bytes time.Duration
}

func (s *Server) newPace() *pace {
	if s.messagePace.rate == 0 && s.bytePace.rate == 0 {
		return nil
	}
	return &pace{}
}

// spend counts what has come from the client, before anybody looks at it. The
// error, an ended, says that it was too much.
func (s *Session) spend(messages, bytes int) error {
	p := s.pace
	if p == nil {
		return nil
	}
	now := time.Since(s.server.started)
	p.mu.Lock()
	defer p.mu.Unlock()
	if !s.server.messagePace.take(&p.messages, now, messages) || !s.server.bytePace.take(&p.bytes, now, bytes) {
		return ended(RateLimit)
	}
	return nil
}
