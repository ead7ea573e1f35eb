package sio

import (
	"context"
	"errors"
	"time"
)

// Journal is what servers share so that a client that has lost its connection
// to one of them can come back at another. It is safe for concurrent use. For
// it, entries and tickets are bytes.
type Journal interface {
	// Append puts an entry behind all others, and returns its id, which has the
	// form of a Redis stream's. The error is ErrJournalAway if there is certainly
	// no such entry; after any other error nobody knows.
	Append(ctx context.Context, entry []byte) (id string, err error)

	// Save keeps tickets. It returns the pids of those that are not kept because
	// another server has taken them.
	Save(ctx context.Context, tickets []Ticket) (taken []string, err error)
	// Find returns a ticket, nil if there is none.
	Find(ctx context.Context, pid string) (ticket []byte, err error)
	// Take has the server that keeps a ticket let go of it (Server.LetGo), and then
	// takes it for this one. Of several callers one gets it; the others get nothing.
	Take(ctx context.Context, pid string) (Taken, error)
	// Drop ends the keeping of tickets that this server keeps.
	Drop(ctx context.Context, pids []string) error
}

// Ticket is what is known of a socket whose client may come back.
type Ticket struct {
	PID  string // a secret of the client
	Data []byte
	Life time.Duration
}

// Taken is a ticket that was taken.
type Taken struct {
	Ticket []byte // nil if there is none, or somebody else has it
	// End is the id of the last entry of the Journal.
	End    string
	Former Former
}

// Former is where a client was before it came back.
type Former struct {
	// Nodes had it, or may have had it: the last one first.
	Nodes []string
	// At grows with each time that it comes back.
	At uint64
}

// Entry is an entry of a Journal.
type Entry struct {
	// ID is its place.
	ID string
	// Before is the id of the entry before it; "" if it was the first.
	Before string
	Data   []byte
}

// Errors of Journal.Append and of what depends on it.
var (
	// ErrJournalAway: the entry was not added.
	ErrJournalAway = errors.New("the journal cannot be reached")
	// ErrUncertain: nobody knows whether the event was accepted.
	ErrUncertain = errors.New("the journal has not answered")
)

// Share gives a server whose Recovery.Store is StoreRedis its journal. It is
// called once, before clients come. Whoever reads the journal calls Begin, Hear
// for what was there already, Present, and then Hear for what comes, all of
// that one after another. Close it after the server.
func (s *Server) Share(j Journal) {
	if s.shared != nil {
		s.shared.start(j)
	}
}

// Begin says that Hear begins behind an entry ("" before all), and what the time
// is by the clock that makes the ids.
func (s *Server) Begin(at string, now time.Time) {
	h := s.shared
	s.clock.set(now)
	begin, _ := parseOffset(at) // zero before all
	h.position.Store(uint64(begin))
	h.done.Store(uint64(begin))
	h.log.raise(begin)
}

// Hear takes the next entry: this server delivers it to its sockets. Until
// Present was called an entry is only remembered.
func (s *Server) Hear(e Entry) {
	if h := s.shared; !h.ended.Load() {
		h.hear(e)
	}
}

// Present says that everything was heard that was there when the server began:
// from now on clients can come back.
func (s *Server) Present() {
	h := s.shared
	at := offset(h.position.Load())
	for _, n := range s.namespaces.all() {
		if r := n.recovery; r != nil {
			r.lock()
			r.last = max(r.last, at)
			r.unlock()
		}
	}
	close(h.present)
}

// LetGo ends what this server takes for the connection of a client that has
// come to another server, and returns when the Handler was told and the ticket
// is saved, or ctx ends.
func (s *Server) LetGo(ctx context.Context, pid string) {
	if s.shared != nil {
		s.shared.guests.letGo(ctx, pid)
	}
}

// Receipt is what this server has done with an event of the journal; nil if it
// has not heard it before ctx ended, or cannot remember. entry is that of the
// other server's Delivery.
func (s *Server) Receipt(ctx context.Context, entry string) *Delivery {
	at, ok := parseOffset(entry)
	if s.shared == nil || !ok {
		return nil
	}
	return s.shared.receipts.wait(ctx, at)
}

// Saved waits until the rooms that sockets are in now are known to the journal,
// so that their clients get them back whatever becomes of this process; or until ctx ends.
func (s *Server) Saved(ctx context.Context) {
	if s.shared != nil {
		s.shared.guests.saved(ctx)
	}
}
