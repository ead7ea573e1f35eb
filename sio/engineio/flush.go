package engineio

import "sync"

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
	b := batches.Get().(*batch) //nolint:errcheck // the pool holds nothing else
	for range rounds {
		if !s.take(b) {
			batches.Put(b)
			return
		}
		n, err := s.ws.tryWrite(b.data)
		if err == nil && n < len(b.data) {
			b.data = b.data[n:]
			s.handOver(b, true)
			return
		}
		s.settle(b, err)
	}
	s.handOver(b, false)
}

// handOver leaves the writing to a goroutine, unless the session has ended:
// then nobody may be added to those that Server.Close waits for. slow says that
// the client has not taken all.
func (s *Session) handOver(b *batch, slow bool) {
	s.mu.Lock()
	alive := s.state != stateClosed
	s.out.slow = slow
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
		f := s.next(limit)
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
		b.data = s.ws.bytes(b.frames[0])
	default:
		b.buffer = b.buffer[:0]
		for _, f := range b.frames {
			b.buffer = append(b.buffer, s.ws.bytes(f)...)
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
