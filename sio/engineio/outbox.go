package engineio

import "slices"

// outbox is the queue of frames of one session. It belongs to the session and
// is guarded by its lock.
type outbox struct {
	frames []*Frame
	// bytes is the size of the frames, and of those being written.
	bytes int
	// writing says that somebody has the right, and the duty, to write what
	// is queued to the WebSocket.
	writing bool
	// last is written by who is writing, before it closes the WebSocket; nil
	// unless the session has ended meanwhile.
	last *Frame
	// slow says that the kernel takes no more at the moment.
	slow bool
	// full says that a frame found no place: the session is to be closed.
	full bool
	// slots keeps short queues off the heap.
	slots [2]*Frame
}

func (o *outbox) push(f *Frame) {
	if len(o.frames) == 0 {
		o.frames = o.slots[:0]
	}
	o.frames = append(o.frames, f)
	o.bytes += f.size()
}

// clear empties the queue and returns what was in it. Frames that are being
// written are not its affair.
func (o *outbox) clear() []*Frame {
	dropped := slices.Clone(o.frames)
	for _, f := range dropped {
		o.bytes -= f.size()
	}
	o.reset()
	return dropped
}

func (o *outbox) reset() {
	o.frames = nil
	o.slots = [2]*Frame{}
}

// replace puts another frame in the place of one.
func (o *outbox) replace(old, by *Frame) {
	if i := slices.Index(o.frames, old); i >= 0 {
		o.frames[i] = by
		o.bytes += by.size() - old.size()
	}
}

// pop takes the next frame, nil if there is none or if it is larger than
// limit.
func (o *outbox) pop(limit int) *Frame {
	if len(o.frames) == 0 || o.frames[0].size() > limit {
		return nil
	}
	f := o.frames[0]
	o.frames[0] = nil
	if o.frames = o.frames[1:]; len(o.frames) == 0 {
		o.reset()
	}
	return f
}

// next takes the next frame that is still worth sending, nil if there is none
// or if it is larger than limit. The lock is held.
func (s *Session) next(limit int) *Frame {
	s.dropExpired()
	return s.out.pop(limit)
}

// dropExpired gives up the frames at the head of the queue whose time is over.
func (s *Session) dropExpired() {
	for len(s.out.frames) > 0 && s.out.frames[0].expired() {
		f := s.out.pop(s.out.bytes)
		s.out.bytes -= f.size()
		s.server.metrics.expired.Inc()
		f.tally.expire()
	}
}

// dropQueue gives up what is queued; the lock is held.
func (s *Session) dropQueue() { s.server.account(s.out.clear(), ErrClosed) }

// account counts frames as written, or as dropped if there was an error.
func (s *Server) account(frames []*Frame, err error) {
	if err == nil {
		s.metrics.sent.Add(float64(len(frames)))
	} else {
		s.metrics.dropped.Add(float64(len(frames)))
	}
	for _, f := range frames {
		if err == nil {
			f.tally.write()
		} else {
			f.Drop()
		}
	}
}

// Send queues a frame and writes it, unless somebody else is writing to this
// session already. It never waits for the client. The error is ErrClosed or
// ErrSlowConsumer.
func (s *Session) Send(f *Frame) error {
	flush, err := s.Queue(f)
	if flush {
		s.Flush()
	}
	return err
}

// Queue is Send without what may take time: where flush is true, the caller
// must call Flush, soon and without a lock. Several frames that are queued
// meanwhile, by whomever, then leave in one write.
func (s *Session) Queue(f *Frame) (flush bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.state != stateOpen:
		err = ErrClosed
	case f.volatile && !s.ready():
		// Dropped without an error: this is what volatile means.
	case s.out.bytes > 0 && s.out.bytes+f.size() > s.server.cfg.MaxQueue && !s.makeRoom(f):
		if f.volatile {
			break
		}
		s.out.full = true
		flush, err = true, ErrSlowConsumer
	default:
		return s.push(f), nil
	}
	s.server.metrics.dropped.Inc()
	f.Drop()
	return flush, err
}

// Flush does what one or more calls of Queue have left to do: it writes, or
// ends the session of a client that is too far behind.
func (s *Session) Flush() {
	s.mu.Lock()
	full := s.out.full
	s.mu.Unlock()
	if full {
		s.close(SlowConsumer, nil)
		return
	}
	s.flush()
}

// ready reports whether a frame would leave at once, or as soon as somebody
// gets round to writing.
func (s *Session) ready() bool {
	if s.ws != nil {
		return !s.out.slow
	}
	return s.poll != nil && len(s.out.frames) == 0
}

// push queues a frame under the lock and reports whether the caller must
// flush. It wakes the poll that waits.
func (s *Session) push(f *Frame) (flush bool) {
	s.out.push(f)
	if s.ws == nil {
		s.wakePoll()
		return false
	}
	flush = !s.out.writing
	s.out.writing = true
	return flush
}
