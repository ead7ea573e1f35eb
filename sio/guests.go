package sio

import (
	"container/list"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/seed52a35d2d/realtime-server/sio/engineio"
)

// Bounds of what is written at once, and how soon after a failure it is tried
// again.
const (
	ticketsAtOnce  = 128
	ticketsRetry   = 200 * time.Millisecond
	refreshDivisor = 3 // of Recovery.MaxDisconnection
)

// guests are the sockets of this server whose clients may come back anywhere,
// and those whose last ticket is not written yet. One goroutine writes tickets:
// soon after something has changed, and now and then.
type guests struct {
	shared *shared // immutable

	mu      sync.Mutex // taken under recovery.mu and Socket.mu; nothing is taken under it
	byPID   map[string]*guest
	parting map[string]chan struct{} // closed, and taken out, when the Handler was told of an end
	changed list.List                // of *guest: those whose ticket is to be written
	fresh   list.List                // of *guest: the others, the one written longest ago first
	dropped []string                 // pids whose tickets are to end
	ended   int                      // bytes of those whose socket has ended
	writing int                      // guests
	closing bool

	wake chan struct{} // something is to be written; holds one signal
}

// guest is one of them. Its fields are guarded by guests.mu.
type guest struct {
	pid     string
	socket  *Socket       // nil once it has ended
	away    *absentee     // nil before
	settled chan struct{} // closed when the last ticket is written, or is not to be
	over    bool          // settled is closed

	list    *list.List // the one that it is in; nil while its ticket is being written
	place   *list.Element
	again   bool // it has changed meanwhile
	written time.Time
	due     time.Time // until when the last ticket is worth writing

	// passed makes this no guest but a mark in the list of changed ones: it is closed
	// when those before it are written.
	passed chan struct{}
}

func newGuests(h *shared) *guests {
	return &guests{shared: h, byPID: map[string]*guest{}, parting: map[string]chan struct{}{}, wake: make(chan struct{}, 1)}
}

// begin takes a socket that has just been let in.
func (v *guests) begin(s *Socket) {
	v.mu.Lock()
	defer v.mu.Unlock()
	one := &guest{pid: s.track.pid, socket: s, settled: make(chan struct{})}
	if before := v.byPID[one.pid]; before != nil { // of a connection that has not let go in time
		v.forget(before)
	}
	v.byPID[one.pid] = one
	v.put(one, &v.changed)
	v.signal()
}

// touch says that a socket's rooms have changed.
func (v *guests) touch(pid string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if one := v.byPID[pid]; one != nil {
		v.change(one)
	}
}

// end takes the last ticket of a socket, unless its client is somewhere else by
// now.
func (v *guests) end(s *Socket, a *absentee) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.parting[a.pid] = a.ended
	if one := v.byPID[a.pid]; one != nil && one.socket == s {
		v.leave(one, a)
	}
}

// parted notes that the Handler was told of an end.
func (v *guests) parted(pid string, told chan struct{}) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.parting[pid] == told {
		delete(v.parting, pid)
	}
}

// giveBack keeps a ticket that this server has taken for nothing.
func (v *guests) giveBack(a *absentee) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.byPID[a.pid] != nil {
		return
	}
	one := &guest{pid: a.pid, settled: make(chan struct{})}
	v.byPID[a.pid] = one
	v.put(one, &v.changed)
	v.leave(one, a)
}

// leave notes that a guest's socket has ended; the lock is held. Where Redis is away the
// last tickets wait in a bounded space.
func (v *guests) leave(one *guest, a *absentee) {
	cfg := &v.shared.server.cfg.Recovery
	one.socket, one.away, one.due = nil, a, time.Now().Add(cfg.MaxDisconnection)
	if v.ended += a.size(); v.ended > cfg.MaxBytes/2 {
		v.forget(one)
		return
	}
	v.change(one)
}

// drop ends a ticket, because its client will not come back by itself.
func (v *guests) drop(s *Socket) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if one := v.byPID[s.track.pid]; one != nil && one.socket == s {
		v.forget(one)
		v.dropped = append(v.dropped, one.pid)
		v.signal()
	}
}

// forgetAll ends all tickets: the sockets live on.
func (v *guests) forgetAll() {
	v.mu.Lock()
	defer v.mu.Unlock()
	for pid, one := range v.byPID {
		v.forget(one)
		v.dropped = append(v.dropped, pid)
	}
	v.signal()
}

// forget takes a guest out; the lock is held.
func (v *guests) forget(one *guest) {
	v.take(one)
	if v.byPID[one.pid] == one {
		delete(v.byPID, one.pid)
	}
	if one.away != nil && !one.over {
		v.ended -= one.away.size()
	}
	if !one.over {
		one.over = true
		close(one.settled)
	}
}

// change has a ticket written, anew if it is being written; the lock is held.
func (v *guests) change(one *guest) {
	switch one.list {
	case &v.changed:
	case nil:
		one.again = true
	default:
		v.put(one, &v.changed)
		v.signal()
	}
}

// put puts a guest at the end of a list; the lock is held.
func (v *guests) put(one *guest, l *list.List) {
	v.take(one)
	one.list, one.place = l, l.PushBack(one)
}

func (v *guests) take(one *guest) {
	if one.list != nil {
		one.list.Remove(one.place)
		one.list, one.place = nil, nil
	}
}

func (v *guests) signal() {
	select {
	case v.wake <- struct{}{}:
	default:
	}
}

// letGo is Server.LetGo.
func (v *guests) letGo(ctx context.Context, pid string) {
	v.mu.Lock()
	one := v.byPID[pid]
	var s *Socket
	if one != nil {
		s = one.socket
	}
	v.mu.Unlock()
	if s != nil {
		s.conn.session.Close(engineio.ForcedClose)
	}
	if one != nil {
		select {
		case <-one.settled:
		case <-ctx.Done():
			return
		}
	}
	v.mu.Lock()
	told := v.parting[pid] // also if the last ticket was written before
	v.mu.Unlock()
	if told == nil {
		return
	}
	select {
	case <-told:
	case <-ctx.Done():
	}
}

// saved waits until what has changed is written, or ctx ends.
func (v *guests) saved(ctx context.Context) {
	v.mu.Lock()
	if v.writing+v.changed.Len() == 0 {
		v.mu.Unlock()
		return
	}
	mark := &guest{passed: make(chan struct{})}
	v.put(mark, &v.changed)
	v.signal()
	v.mu.Unlock()
	select {
	case <-mark.passed:
	case <-ctx.Done():
	}
}

// close lets run end once everything is written, or cannot be.
func (v *guests) close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.closing = true
	v.signal()
}

// run writes tickets until it is told to close, or ctx ends.
func (v *guests) run(ctx context.Context) {
	pace := time.NewTicker(ticketsRetry)
	defer pace.Stop()
	for {
		more, err := v.write(ctx)
		if v.over(err) || ctx.Err() != nil {
			return
		}
		if more && err == nil {
			continue
		}
		wake := v.wake
		if err != nil {
			wake = nil // only time helps
		}
		select {
		case <-wake:
		case <-pace.C:
		case <-ctx.Done():
			return
		}
	}
}

// over reports whether nothing will be written any more.
func (v *guests) over(err error) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.closing && (err != nil || v.changed.Len()+len(v.dropped) == 0)
}

// write writes some of what is to be written. more says that there may be more.
func (v *guests) write(ctx context.Context) (more bool, err error) {
	ctx, cancel := v.shared.patience(ctx)
	defer cancel()
	batch, dropped := v.next()
	if len(dropped) > 0 {
		if err = v.shared.journal.Drop(ctx, dropped); err != nil {
			v.redrop(dropped)
		}
	}
	if len(batch) > 0 {
		var taken []string
		tickets := v.tickets(batch)
		taken, failed := v.shared.journal.Save(ctx, tickets)
		v.wrote(batch, taken, failed)
		err = cmpErr(err, failed)
	}
	if err == nil && v.shared.owes() {
		v.shared.payOwed(ctx)
	}
	return len(batch)+len(dropped) > 0, err
}

func cmpErr(first, second error) error {
	if first != nil {
		return first
	}
	return second
}

// next takes what is to be written next.
func (v *guests) next() (batch []*guest, dropped []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	dropped, v.dropped = v.dropped, nil
	stale := time.Now().Add(-v.shared.server.cfg.Recovery.MaxDisconnection / refreshDivisor)
	for l := &v.changed; len(batch) < ticketsAtOnce; {
		first := l.Front()
		switch {
		case first != nil && (l == &v.changed || guestOf(first).written.Before(stale)):
			one := guestOf(first)
			v.take(one)
			batch = append(batch, one)
			continue
		case l == &v.changed && !v.closing:
			l = &v.fresh
			continue
		}
		break
	}
	v.writing = len(batch)
	return batch, dropped
}

func guestOf(at *list.Element) *guest {
	return at.Value.(*guest) //nolint:errcheck // the lists hold nothing else
}

// redrop keeps in mind which tickets are still to end. Where there are too many,
// their time will end them.
func (v *guests) redrop(pids []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.dropped) < maxReceipts {
		v.dropped = append(v.dropped, pids...)
	}
}

// tickets are those of guests as they are now.
func (v *guests) tickets(batch []*guest) []Ticket {
	life := v.shared.server.cfg.Recovery.MaxDisconnection
	tickets := make([]Ticket, 0, len(batch))
	for _, one := range batch {
		v.mu.Lock()
		s, a, due := one.socket, one.away, one.due
		v.mu.Unlock()
		switch {
		case a != nil:
			left := max(time.Until(due), time.Millisecond)
			tickets = append(tickets, Ticket{one.pid, (&ticket{a, a.namespace.name}).encode(), left})
		case s != nil:
			tickets = append(tickets, Ticket{one.pid, s.ticket().encode(), life + life/2})
		}
	}
	return tickets
}

// ticket is that of a socket that goes on.
func (s *Socket) ticket() *ticket {
	r, t := s.namespace.recovery, s.track
	r.lock()
	defer r.unlock()
	return &ticket{&absentee{
		pid: t.pid, id: s.member.ID, user: s.member.User, ongoing: true,
		since: t.since, last: t.last, away: r.now(), stays: t.stays.clone(), memory: t.memory,
	}, s.namespace.name}
}

// wrote notes what became of tickets.
func (v *guests) wrote(batch []*guest, taken []string, err error) {
	var ghosts []*Socket
	v.mu.Lock()
	v.writing = 0
	now := time.Now()
	for _, one := range slices.Backward(batch) {
		again := one.again || err != nil
		one.again = false
		switch {
		case one.over: // it was forgotten meanwhile
		case one.passed != nil && err == nil:
			close(one.passed)
		case err == nil && slices.Contains(taken, one.pid):
			if one.socket != nil {
				ghosts = append(ghosts, one.socket)
			}
			v.forget(one)
		case one.away != nil && (!again || now.After(one.due) || v.closing && err != nil):
			v.forget(one)
		case again: // before those, and the marks, that have come since
			one.list, one.place = &v.changed, v.changed.PushFront(one)
		default:
			one.written = now
			v.put(one, &v.fresh)
		}
	}
	v.mu.Unlock()
	for _, s := range ghosts { // their clients are somewhere else
		s.conn.session.Close(engineio.ForcedClose)
	}
}
