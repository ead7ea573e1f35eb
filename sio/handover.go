package sio

import "context"

// recall looks for the ticket of who a client claims to be. It waits while the
// server has only just begun.
func (h *shared) recall(ctx context.Context, s *Socket) {
	t := s.track
	if h.journal == nil || !h.ready(ctx) {
		if t.claim.pid != "" {
			s.countRecovery(outUnavailable)
		}
		return
	}
	if t.claim.pid == "" {
		return
	}
	a, outcome := h.find(ctx, s, t.claim.pid)
	if outcome != "" {
		s.countRecovery(outcome)
		return
	}
	t.comeback = &comeback{absentee: a}
}

// find reads a ticket of the socket's namespace, or says why it has none.
func (h *shared) find(ctx context.Context, s *Socket, pid string) (*absentee, string) {
	if !isPID(pid) {
		return nil, outUnknown
	}
	ctx, cancel := h.patience(ctx)
	defer cancel()
	data, err := h.journal.Find(ctx, pid)
	if err != nil {
		return nil, outUnavailable
	}
	return h.read(s, pid, data)
}

// read makes an absentee of a ticket, or says why there is none.
func (*shared) read(s *Socket, pid string, data []byte) (*absentee, string) {
	t, err := decodeTicket(pid, data)
	if err != nil || t.space != s.namespace.name {
		return nil, outUnknown
	}
	t.namespace = s.namespace
	return t.absentee, ""
}

// claim takes the ticket for a client that was let in, reads the journal as far
// as it goes, and gathers most of what was missed. No lock is held.
func (h *shared) claim(ctx context.Context, s *Socket) {
	c := s.track.comeback
	pid := c.absentee.pid
	s.track.comeback = nil // unless it succeeds
	ctx, cancel := h.patience(ctx)
	defer cancel()
	got, err := h.journal.Take(ctx, pid)
	if err != nil {
		s.countRecovery(outUnavailable)
		return
	}
	a, outcome := h.read(s, pid, got.Ticket)
	if outcome != "" {
		s.countRecovery(outcome)
		return
	}
	last, _ := parseOffset(got.End) // zero if there are no entries
	if !h.await(ctx, last) {
		h.guests.giveBack(a)
		s.countRecovery(outUnavailable)
		return
	}
	c.absentee, c.reader, c.taken = a, newReader(a.id, a.user, &a.stays), true
	c.former = &got.Former
	s.track.comeback = c
	_ = s.gather(c) // what stands in the way will do so again
}

// giveBack keeps a ticket whose client has left before it was let in.
func (s *Socket) giveBack() {
	t := s.track
	if t == nil || t.comeback == nil || !t.comeback.taken || t.recovered {
		return
	}
	t.comeback.taken = false
	s.conn.server.shared.guests.giveBack(t.comeback.absentee)
}
