package sio

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"slices"
)

// track is what a socket knows so that its client can come back. The pointer to
// it is nil where the client cannot: without recovery, and in protocol 4.
type track struct {
	// Owned by who asks the Handler, until the client is let in.
	claim    claim
	comeback *comeback // nil unless somebody is known by the pid

	// Guarded by recovery.mu.
	recovered bool
	former    *Former // nil unless it came by way of a Journal
	pid       string  // "" before the client is let in
	// since and last are as in absentee.
	since, last offset
	stays       stays
	memory      []byte // Welcome.Memory
	// broken says that an event found no place in the client's queue.
	broken bool
}

// comeback is how far an absentee's return is.
type comeback struct {
	absentee *absentee
	reader   *reader
	missed   []*recorded
	size     int // of their frames
	upTo     offset
	taken    bool // the absentee is this server's, and nobody else can come back as it
	former   *Former
}

// The outcomes of a client's attempt to come back.
const (
	outRecovered    = "recovered"
	outUnknown      = "unknown pid"
	outOffset       = "offset gone"
	outOtherUser    = "other user"
	outTooMuch      = "too much"
	outTooManyRooms = "too many rooms"
	outRefused      = "refused"
	outLeft         = "left"
	outUnavailable  = "store unavailable"
)

// newTrack takes the claim out of what the client gave as auth.
func newTrack(n *Namespace, c *conn, auth []byte) (*track, []byte) {
	if n.recovery == nil || c.speaks4() {
		return nil, auth
	}
	t := &track{}
	t.claim, auth = cutClaim(auth)
	return t, auth
}

// Recovering is the id that the client had and wants to have again, "" if it
// has not proved that it had one. Whether it gets it back is decided after
// Handler.Connect; see Recovered.
func (s *Socket) Recovering() string {
	if s.track == nil || s.track.comeback == nil {
		return ""
	}
	return s.track.comeback.absentee.id
}

// Recovered reports whether the client is back: with the id and the rooms that
// it had, and with the events that it missed. It is settled when
// Handler.Connected is called.
func (s *Socket) Recovered() bool {
	if s.track == nil {
		return false
	}
	s.namespace.recovery.lock()
	defer s.namespace.recovery.unlock()
	return s.track.recovered
}

// Former is where a client that is back was before, as its Journal knows; zero
// without one, and for a client that is not back. It is settled as Recovered is.
func (s *Socket) Former() Former {
	if !s.Recovered() || s.track.former == nil {
		return Former{}
	}
	return *s.track.former
}

// recall looks for the absentee that a client claims to be.
func (s *Socket) recall(ctx context.Context) {
	t := s.track
	if t == nil {
		return
	}
	if h := s.conn.server.shared; h != nil {
		h.recall(ctx, s)
		return
	}
	if t.claim.pid == "" {
		return
	}
	a := s.namespace.recovery.store.find(t.claim.pid)
	if a == nil || a.namespace.name != s.namespace.name {
		s.countRecovery(outUnknown)
		return
	}
	t.comeback = &comeback{absentee: a, reader: newReader(a.id, a.user, &a.stays)}
}

// awaitEnd waits until the Handler knows of the absentee's end, so that it hears
// of one connection in order. It gathers most of what was missed, too, because
// no lock is held here.
func (s *Socket) awaitEnd(ctx context.Context, w *Welcome) {
	if s.Recovering() == "" || !w.recalls(s.track.comeback.absentee) {
		return
	}
	if h := s.conn.server.shared; h != nil {
		h.claim(ctx, s)
		return
	}
	select {
	case <-s.track.comeback.absentee.ended:
		_ = s.gather(s.track.comeback) // what stands in the way will do so again
	case <-ctx.Done():
	}
}

// gather reads what was missed from where it was left. It says what stands in
// the way of recovery, "" if nothing does.
func (s *Socket) gather(c *comeback) string {
	r := s.namespace.recovery
	from := c.upTo
	if from == 0 {
		var known bool
		if from, known = r.start(c.absentee, s.track.claim.offset); !known {
			return outOffset
		}
	}
	events, complete := r.store.since(r.namespace, from)
	if !complete {
		return outOffset
	}
	c.upTo = from
	for _, e := range events {
		if e.gap {
			return outOffset
		}
		c.upTo = e.offset
		if c.reader.gets(&e.target, e.offset) {
			c.missed = append(c.missed, e)
			c.size += e.packets.frame(s.conn.dialect).Size()
		}
	}
	return ""
}

// fits reports whether the client's queue can take what was missed, and the
// other packets that come first.
func (c *comeback) fits(s *Socket, first []*outgoing) bool {
	size := c.size
	for _, o := range first {
		size += o.frame(s.conn.dialect).Size() + maxStamp
	}
	return size <= s.conn.server.cfg.Engine.MaxQueue
}

// start finds behind which offset an absentee's missed events begin. Only an
// offset that the socket has certainly got counts: the stock client takes any
// text at the end of an event for one.
func (r *recovery) start(a *absentee, claimed string) (_ offset, known bool) {
	at, ok := parseOffset(claimed)
	switch {
	case a.last == 0 && (!a.ongoing || claimed == ""): // there was nothing to get
		return a.away, true
	case claimed == "": // it has got nothing
		return a.since, a.since >= a.stays.floor
	case !ok || at > a.last && !a.ongoing:
		return 0, false
	case at == a.last: // it has got everything
		return a.away, true
	case r.shared != nil && at <= a.since: // what came with it was not recorded
		return a.since, a.since >= a.stays.floor
	}
	// One before since is of another connection of the client, before this one.
	from := max(at, a.since)
	return from, from >= a.stays.floor && r.store.has(r.namespace, at)
}

// comeBack decides whether the client becomes again what it was, now that the
// Handler has accepted it, and makes it so. It returns the rooms to be in.
// first are the packets that would come first if it were new.
// recovery.mu and Socket.mu are held; it is called once, and nothing that can
// fail may follow if the client is back.
func (s *Socket) comeBack(w *Welcome, first []*outgoing) (rooms []string) {
	c := s.track.comeback
	if c == nil {
		return w.Rooms
	}
	s.track.comeback = nil // unless it succeeds
	r, a := s.namespace.recovery, c.absentee
	if w.User != a.user { // who has stolen the pid must not spoil it for the owner
		s.countRecovery(outOtherUser)
		return w.Rooms
	}
	if !w.recalls(a) {
		s.countRecovery(outRefused)
		return w.Rooms
	}
	rooms = union(a.stays.rooms(), w.Rooms)
	outcome := s.gather(c)
	switch {
	case outcome != "":
	case len(rooms) > r.server.cfg.MaxRooms:
		outcome = outTooManyRooms
	case !c.fits(s, first):
		outcome = outTooMuch
	}
	if !s.takeBack(c) {
		s.countRecovery(outUnknown) // somebody was faster, or time is over
		return w.Rooms
	}
	s.countRecovery(cmp.Or(outcome, outRecovered))
	if outcome != "" {
		if r.shared == nil {
			r.depart()
		}
		return w.Rooms
	}
	if r.shared == nil {
		r.present-- // begin counts the socket instead
	}
	s.track.comeback = c
	s.member.ID, s.member.Origin = a.id, TagOf(a.id)
	s.track.recovered, s.track.former, s.track.pid = true, c.former, a.pid
	s.track.since, s.track.last, s.track.stays = a.since, a.last, a.stays.clone()
	return rooms
}

// takeBack makes an absentee this socket's, unless it is somebody else's
// already. recovery.mu is held.
func (s *Socket) takeBack(c *comeback) bool {
	r := s.namespace.recovery
	if r.shared != nil {
		return c.taken
	}
	if !r.store.take(c.absentee) {
		return false
	}
	r.server.namespaces.release(c.absentee.namespace)
	return true
}

// union is both lists of rooms, each room once.
func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// begin makes the socket one whose client can come back, and returns what it
// receives first: CONNECT, what it missed, and the events of its Welcome.
// recovery.mu and Socket.mu are held, and the socket is in the index.
func (s *Socket) begin(rooms []string, events []*outgoing) []*outgoing {
	r, t := s.namespace.recovery, s.track
	r.present++
	if !t.recovered {
		t.since = r.now()
		if r.shared == nil || r.shared.isPresent() {
			t.pid = rand.Text()
		}
	}
	t.stays.join(rooms, r.now())
	if r.shared != nil && t.pid != "" {
		r.shared.guests.begin(s)
	}
	first := []*outgoing{s.connectPacket()}
	if t.recovered {
		for _, e := range t.comeback.missed {
			if !e.packets.expired() {
				first = append(first, e.packets)
				t.last = e.offset
			}
		}
	}
	first = append(first, r.recordFor(s, events)...)
	t.claim, t.comeback = claim{}, nil
	return first
}

// deliverable are the events that may still be queued for the socket.
func (t *track) deliverable(events []*outgoing) []*outgoing {
	if t.broken {
		return nil
	}
	return events
}

// end takes leave of the socket: it becomes an absentee if its client will come
// back by itself, maybe at the cost of others. recovery.mu is held.
func (t *track) end(s *Socket, end End) (away *absentee, gone []*absentee) {
	r := s.namespace.recovery
	if !end.returns() || t.pid == "" {
		r.depart()
		if r.shared != nil {
			r.shared.guests.drop(s)
		}
		return nil, nil
	}
	away = &absentee{
		namespace: s.namespace, pid: t.pid, id: s.member.ID, user: s.member.User,
		since: t.since, last: t.last, away: r.now(), stays: t.stays, memory: t.memory,
		ended: make(chan struct{}),
	}
	t.stays = stays{} // they are the absentee's, and what it is never changes
	if r.shared != nil {
		r.depart()
		r.shared.guests.end(s, away)
		return away, nil
	}
	return away, r.store.keep(away)
}

// refused counts an attempt that the Handler has ended.
func (t *track) refused(s *Socket, err error) {
	switch {
	case t == nil || t.comeback == nil:
	case errors.Is(err, errLeft), errors.Is(err, context.Canceled):
		s.countRecovery(outLeft)
	default:
		s.countRecovery(outRefused)
	}
}

func (s *Socket) countRecovery(outcome string) {
	s.conn.server.metrics.recoveries.WithLabelValues(outcome).Inc()
}

// returning are the ends after which a stock client comes back by itself.
var returning = map[Reason]bool{
	ReasonExpired:        true,
	ReasonTransportClose: true,
	ReasonTransportError: true,
	ReasonPingTimeout:    true,
	ReasonForcedClose:    true,
	ReasonShutdown:       true,
	ReasonFenced:         true,
	ReasonSlowConsumer:   true,
}

// returns reports whether the client will come back by itself.
func (e *End) returns() bool { return e.reconnect || returning[e.Reason] }
