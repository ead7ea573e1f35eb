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
	last   *Frame // see outbox.last; comes when there are no frames
}

var batches = sync.Pool{New: func() any { return &batch{} }}

// release forgets the frames and keeps the room.
func (b *batch) release() {
	clear(b.frames)
	b.frames, b.data, b.size, b.last = b.frames[:0], nil, 0, nil
}

// rounds is how many batches a caller of flush writes at most, so that other
// senders cannot keep it busy with one session.
const rounds = 8

// flush writes what is queued, as far as the kernel takes it at once. The rest
// is written in the background.
func (s *Session) flush() {
	b := batches.Get().(*batch) //nolint:errcheck // the pool holds nothing else
	for range rounds {
		if !s.take(b) {
			s.finish(b)
			return
		}
		b.fill(s.ws)
		n, err := s.ws.conn.TryWrite(b.data)
		if err == nil && n < len(b.data) {
			s.flushSlowly(b, b.data[n:])
			return
		}
		s.settle(b, err)
	}
	s.flushLater(b)
}

// finish ends a flush, and the WebSocket if end has left that to it.
func (s *Session) finish(b *batch) {
	if b.last != nil {
		s.ws.close(b.last)
	}
	b.release()
	batches.Put(b)
}

// flushSlowly leaves the rest of a batch, and then what is queued, to the
// background: the client has not taken all.
func (s *Session) flushSlowly(b *batch, rest []byte) {
	s.mu.Lock()
	s.out.slow = true
	over := s.out.last != nil
	s.mu.Unlock()
	if over { // and the client does not even take this
		s.ws.close(nil)
	}
	s.ws.conn.Write(rest, func(err error) {
		s.settle(b, err)
		batches.Put(b)
		s.flush()
	})
}

// flushLater leaves what is queued to the background.
func (s *Session) flushLater(b *batch) {
	batches.Put(b)
	s.ws.conn.Write(nil, func(error) { s.flush() })
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
	if len(b.frames) == 0 {
		s.out.writing, s.out.slow = false, false
		b.last, s.out.last = s.out.last, nil
		return false
	}
	return true
}

// fill puts together what is to be written. No lock is held, because it may
// have to compress.
func (b *batch) fill(c *wsConn) {
	if len(b.frames) == 1 {
		b.data = c.bytes(b.frames[0])
		return
	}
	b.buffer = b.buffer[:0]
	for _, f := range b.frames {
		b.buffer = append(b.buffer, c.bytes(f)...)
	}
	b.data = b.buffer
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
