package sio

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed52a35d2d/realtime-server/sio/parser"
)

// shared is a server's part in a Journal; nil if it keeps everything for itself.
//
// Events go into the journal, and come back from it in the order that all
// servers see. What recovery.go says holds for each server, with the order of the
// journal: an entry is recorded and queued as one step under recovery.mu, and
// its id is its offset.
type shared struct {
	// Immutable.
	server  *Server
	journal Journal // set by Server.Share
	log     *eventLog
	present chan struct{} // closed once clients can come back
	guests  *guests

	receipts receipts
	// position is the entry that is being heard, done the last one that was
	// delivered to all its receivers here. Hear alone changes them.
	position, done atomic.Uint64
	ended          atomic.Bool // nothing is heard any more

	started  time.Time
	running  sync.WaitGroup
	stop     context.CancelFunc
	mu       sync.Mutex          // stands alone
	owed     map[string]struct{} // namespaces with events that are in no journal
	unheard  chan struct{}       // closed when done grows; nil if nobody waits
	arriving sync.Mutex          // guards unheard; stands alone
}

// newShared returns nil if the configuration has no journal. The server has its
// store already.
func newShared(s *Server) *shared {
	log, ok := s.store.(*eventLog)
	if !ok || s.cfg.Recovery.Store != StoreRedis {
		return nil
	}
	log.everything = true
	h := &shared{server: s, log: log, present: make(chan struct{}), owed: map[string]struct{}{}}
	h.guests = newGuests(h)
	return h
}

func (h *shared) start(j Journal) {
	var ctx context.Context
	ctx, h.stop = context.WithCancel(context.Background())
	h.journal, h.started = j, time.Now()
	h.running.Go(func() { h.guests.run(ctx) })
}

// close returns when all tickets were written, or ctx has ended. No socket is
// left.
func (h *shared) close(ctx context.Context) {
	if h == nil {
		return
	}
	h.ended.Store(true)
	if h.journal == nil {
		return
	}
	giveUp := context.AfterFunc(ctx, h.stop)
	h.guests.close()
	h.running.Wait()
	giveUp()
	h.stop()
}

// patience is a context for one question to the journal, whatever becomes of
// the client.
func (h *shared) patience(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), h.server.cfg.Recovery.Timeout)
}

// ready reports whether clients can come back. A server that has just begun is
// given some time.
func (h *shared) ready(ctx context.Context) bool {
	wait := time.NewTimer(h.server.cfg.Recovery.Timeout - time.Since(h.started))
	defer wait.Stop()
	select {
	case <-h.present:
		return true
	default:
	}
	select {
	case <-h.present:
		return true
	case <-wait.C:
	case <-ctx.Done():
	}
	return false
}

// emit puts an event into the journal and waits until it was heard. If there is
// no way to the journal, the event reaches this server's sockets alone.
func (h *shared) emit(n *Namespace, t Target, e *Event, p *parser.Packet) (*Delivery, error) {
	if h.journal == nil {
		return h.emitHere(n, t, e, p), nil
	}
	ctx, cancel := h.patience(context.Background())
	defer cancel()
	r := &record{namespace: n.name, target: t, packet: p, plain: e.Plain, expires: e.Expires, tracked: e.Tracked}
	entry, err := h.journal.Append(ctx, r.encode())
	switch {
	case errors.Is(err, ErrJournalAway):
		return h.emitHere(n, t, e, p), nil
	case err != nil:
		return nil, ErrUncertain
	}
	at, _ := parseOffset(entry)
	d := h.receipts.wait(ctx, at)
	if d == nil {
		d = &Delivery{}
	}
	return &Delivery{Matched: d.Matched, Entry: entry, tally: d.tally}, nil
}

// emitHere is for events that are in no journal. Clients that were to get them
// and are away cannot be told that they have missed nothing.
func (h *shared) emitHere(n *Namespace, t Target, e *Event, p *parser.Packet) *Delivery {
	if !e.Volatile {
		h.mu.Lock()
		h.owed[n.name] = struct{}{}
		h.mu.Unlock()
	}
	return n.recovery.emit(n, t, e, p)
}

// payOwed notes in the journal what is not in it.
func (h *shared) payOwed(ctx context.Context) {
	h.mu.Lock()
	owed := h.owed
	if len(owed) > 0 {
		h.owed = map[string]struct{}{}
	}
	h.mu.Unlock()
	for name := range owed {
		gap := &record{namespace: name, gap: true}
		if _, err := h.journal.Append(ctx, gap.encode()); err != nil {
			h.mu.Lock()
			h.owed[name] = struct{}{} // a gap may be noted twice
			h.mu.Unlock()
		}
	}
}

func (h *shared) owes() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.owed) > 0
}

// hear takes an entry of the journal.
func (h *shared) hear(e Entry) {
	at, ok := parseOffset(e.ID)
	if !ok {
		return // no journal makes such an id
	}
	before, _ := parseOffset(e.Before) // zero before all
	if position := offset(h.position.Load()); before != position {
		h.miss(position, before)
	}
	h.position.Store(uint64(at))
	var d *Delivery
	switch r, err := decodeRecord(e.Data); {
	case len(e.Data) == 0: // it only has an id
	case err == nil:
		d = h.do(r, at)
	default:
		h.miss(0, at) // it was for somebody
	}
	h.done.Store(uint64(at))
	h.receipts.put(at, d)
	h.arrive()
}

// miss notes that entries between two others cannot be read any more. If they
// were never heard here, the sockets have a gap, and their clients cannot come
// back; in any case nobody who has heard less than what is known can.
func (h *shared) miss(heard, before offset) {
	h.server.metrics.journalGaps.Inc()
	h.log.raise(max(heard, before))
	if before > heard {
		h.guests.forgetAll()
	}
}

// do delivers what an entry says.
func (h *shared) do(r *record, at offset) *Delivery {
	recorded := r.recorded(at)
	n := h.server.namespaces.unlessEmpty(r.namespace, func() { h.log.record(r.namespace, recorded) })
	if n == nil {
		return &Delivery{}
	}
	return n.hear(r, recorded)
}

// isPresent reports whether what is heard is new.
func (h *shared) isPresent() bool {
	select {
	case <-h.present:
		return true
	default:
		return false
	}
}

// arrive wakes those who wait for an entry.
func (h *shared) arrive() {
	h.arriving.Lock()
	defer h.arriving.Unlock()
	if h.unheard != nil {
		close(h.unheard)
		h.unheard = nil
	}
}

// await waits until everything up to an entry was heard. It is false if ctx
// ended before.
func (h *shared) await(ctx context.Context, at offset) bool {
	for {
		h.arriving.Lock()
		if offset(h.done.Load()) >= at {
			h.arriving.Unlock()
			return true
		}
		if h.unheard == nil {
			h.unheard = make(chan struct{})
		}
		more := h.unheard
		h.arriving.Unlock()
		select {
		case <-more:
		case <-ctx.Done():
			return false
		}
	}
}
