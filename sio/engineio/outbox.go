package engineio

import (
	"errors"
	"slices"
	"sync"
)

// outbox is the queue of frames of one session. It belongs to the session and
// is guarded by its lock.
type outbox struct {
	frames []*Frame
	// bytes is the size of the frames, and of those being written.
	bytes int
	// writing says that somebody has the right, and the duty, to write what
	// is queued to the WebSocket.
	writing bool
	// slow says that the kernel takes no more at the moment.
	slow bool
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

// pop takes the next frame that has not expired, nil if there is none or if
// it is larger than limit.
func (o *outbox) pop(limit int) *Frame {
	for len(o.frames) > 0 {
		f := o.frames[0]
		late := f.expired()
		if !late && f.size() > limit {
			return nil
		}
		o.frames[0] = nil
		if o.frames = o.frames[1:]; len(o.frames) == 0 {
			o.reset()
		}
		if !late {
			return f
		}
		f.tally.expire()
		o.bytes -= f.size()
	}
	return nil
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
	s.Finish(flush, err)
	return err
}

// Finish does what one or more calls of Queue have left to do: it writes if
// one of them said so, and ends the session of a slow consumer.
func (s *Session) Finish(flush bool, err error) {
	if flush {
		s.flush()
	}
	if errors.Is(err, ErrSlowConsumer) {
		s.close(SlowConsumer, nil)
	}
}

// Queue is Send without what may take time, which the caller must leave to
// Finish, soon and without a lock. Several frames that are queued meanwhile,
// by whomever, then leave in one write.
func (s *Session) Queue(f *Frame) (flush bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.state != stateOpen:
		err = ErrClosed
	case f.volatile && !s.ready():
		// Dropped without an error: this is what volatile means.
	case s.out.bytes > 0 && s.out.bytes+f.size() > s.server.cfg.MaxQueue:
		err = ErrSlowConsumer
	default:
		return s.push(f), nil
	}
	s.server.metrics.dropped.Inc()
	f.Drop()
	return false, err
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

// batchSize is how much is copied together for one write.
const batchSize = 64 << 10

// batch is what one write takes from a queue.
type batch struct {
	frames []*Frame
	data   []byte // what to write: one frame's bytes, or a copy of several
	buffer []byte // room for the copy
	size   int    // of the frames, as the queue counts them
}

var batches = sync.Pool{New: func() any { return &batch{} }}

// release forgets the frames and keeps the room.
func (b *batch) release() {
	clear(b.frames)
	b.frames, b.data, b.size = b.frames[:0], nil, 0
}

// rounds is how many batches a caller of flush writes at most, so that other
// senders cannot keep it busy with one session.
const rounds = 8

// flush writes what is queued, as far as the kernel takes it at once. The rest
// is left to a goroutine that lives until the queue is empty.
func (s *Session) flush() {
	b := batches.Get().(*batch) //nolint:errcheck,forcetypeassert // the pool holds nothing else
	for range rounds {
		if !s.take(b) {
			batches.Put(b)
			return
		}
		n, err := s.ws.tryWrite(b.data)
		if err == nil && n < len(b.data) {
			b.data = b.data[n:]
			break
		}
		s.settle(b, err)
	}
	s.handOver(b)
}

// handOver leaves the writing to a goroutine, unless the session has ended:
// then nobody may be added to those that Server.Close waits for.
func (s *Session) handOver(b *batch) {
	s.mu.Lock()
	alive := s.state != stateClosed
	s.out.slow = true
	if alive {
		s.server.wg.Add(1)
	}
	s.mu.Unlock()
	if !alive {
		s.settle(b, ErrClosed)
		s.flushSlowly(b) // finds nothing, and gives up the right to write
		return
	}
	go func() {
		defer s.server.wg.Done()
		s.flushSlowly(b)
	}()
}

// flushSlowly writes the rest of a batch, and then what is queued, waiting
// for the client as long as the session lives.
func (s *Session) flushSlowly(b *batch) {
	defer batches.Put(b)
	for {
		if len(b.frames) > 0 {
			_, err := s.ws.conn.Write(b.data)
			s.settle(b, err)
		}
		if !s.take(b) {
			return
		}
	}
}

// take fills an empty batch from the queue. Without anything to write it
// gives up the right to write and returns false.
func (s *Session) take(b *batch) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	limit := s.out.bytes // the first frame may have any size
	for {
		f := s.out.pop(limit)
		if f == nil {
			break
		}
		b.frames = append(b.frames, f)
		b.size += f.size()
		limit = batchSize - b.size
	}
	switch len(b.frames) {
	case 0:
		s.out.writing, s.out.slow = false, false
		return false
	case 1:
		b.data = b.frames[0].websocket
	default:
		b.buffer = b.buffer[:0]
		for _, f := range b.frames {
			b.buffer = append(b.buffer, f.websocket...)
		}
		b.data = b.buffer
	}
	return true
}

// settle counts a batch as written, or as dropped if there was an error,
// which ends the session.
func (s *Session) settle(b *batch, err error) {
	s.server.account(b.frames, err)
	s.mu.Lock()
	s.out.bytes -= b.size
	s.mu.Unlock()
	b.release()
	if err != nil {
		s.close(reasonFor(err), nil)
		s.end(nil)
	}
}
