package engineio

// makeRoom gives up volatile frames that wait, the oldest first, until there
// is a place for one more, and reports whether there is. The lock is held. A
// volatile frame gets no place that others have to leave.
func (s *Session) makeRoom(f *Frame) bool {
	excess := s.out.bytes + f.size() - s.server.cfg.MaxQueue
	if f.volatile || excess > s.out.volatileBytes() {
		return false
	}
	s.server.account(s.out.dropVolatile(excess), ErrClosed)
	return true
}

// volatileBytes is the size of the volatile frames that wait.
func (o *outbox) volatileBytes() (n int) {
	for _, f := range o.frames {
		if f.volatile {
			n += f.size()
		}
	}
	return n
}

// dropVolatile takes the oldest volatile frames out of the queue, until so many
// bytes are free, and returns them.
func (o *outbox) dropVolatile(bytes int) (dropped []*Frame) {
	kept := o.frames[:0]
	for _, f := range o.frames {
		if bytes > 0 && f.volatile {
			bytes -= f.size()
			o.bytes -= f.size()
			dropped = append(dropped, f)
			continue
		}
		kept = append(kept, f)
	}
	clear(o.frames[len(kept):])
	if o.frames = kept; len(kept) == 0 {
		o.reset()
	}
	return dropped
}
