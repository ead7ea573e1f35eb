package sio

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/seed52a35d2d/realtime-server/sio/engineio"
	"github.com/seed52a35d2d/realtime-server/sio/parser"
)

// Recovery says whether and how clients that have lost their connection get
// back what they were, and what they missed (connection state recovery).
type Recovery struct {
	// Enabled turns it on.
	Enabled bool `yaml:"enabled"`
	// MaxDisconnection is how long a client may be away.
	MaxDisconnection time.Duration `yaml:"max_disconnection"`
	// MaxBytes is what events and the state of clients that are away may take,
	// all namespaces together.
	MaxBytes int `yaml:"max_bytes"`
	// Store is where these are kept: StoreMemory or StoreRedis.
	Store string `yaml:"store"`
	// MaxEvents is how many events a journal keeps, all namespaces and servers
	// together.
	MaxEvents int `yaml:"max_events"`
	// Timeout is how long a journal may take to answer.
	Timeout time.Duration `yaml:"timeout"`
	// Except are those of Config.Namespaces whose clients cannot come back all the
	// same.
	Except []string `yaml:"-"`
}

// Where events and clients are kept.
const (
	// StoreMemory: in this process. A client has to come back to it.
	StoreMemory = "memory"
	// StoreRedis: in a journal, see Server.Share. Nobody can come back before.
	StoreRedis = "redis"
)

// defaultRecovery is off; the time is Socket.IO's.
func defaultRecovery() Recovery {
	return Recovery{
		MaxDisconnection: 2 * time.Minute, MaxBytes: 64 << 20,
		Store: StoreMemory, MaxEvents: 100_000, Timeout: 2 * time.Second,
	}
}

func (c *Recovery) faults() []error {
	var faults []error
	if c.MaxDisconnection <= 0 {
		faults = append(faults, fmt.Errorf("recovery.max_disconnection: %v is not a positive time", c.MaxDisconnection))
	}
	if c.MaxBytes < 1 {
		faults = append(faults, fmt.Errorf("recovery.max_bytes: %d is not a positive number", c.MaxBytes))
	}
	if c.Store != StoreMemory && c.Store != StoreRedis {
		faults = append(faults, fmt.Errorf("recovery.store: %q is neither %s nor %s", c.Store, StoreMemory, StoreRedis))
	}
	if c.MaxEvents < 1 {
		faults = append(faults, fmt.Errorf("recovery.max_events: %d is not a positive number", c.MaxEvents))
	}
	if c.Timeout <= 0 {
		faults = append(faults, fmt.Errorf("recovery.timeout: %v is not a positive time", c.Timeout))
	}
	return faults
}

// recoveryStore keeps what clients need to come back. Its methods are called
// under recovery.mu, and must not block.
type recoveryStore interface {
	// record keeps an event. Those of a namespace come one after another, in
	// the order of their offsets.
	record(namespace string, e *recorded)
	// since returns the events of a namespace behind an offset, oldest first.
	// It is false if some of them are not there any more.
	since(namespace string, from offset) ([]*recorded, bool)
	// has reports whether an offset is that of an event which is still there.
	has(namespace string, at offset) bool
	// forget drops the events of a namespace.
	forget(namespace string)

	// keep keeps a socket whose client may come back, and returns those who cannot
	// any more, for want of room.
	keep(a *absentee) (gone []*absentee)
	// find returns who was kept under a pid, nil if nobody is, or not any more.
	find(pid string) *absentee
	// take ends the keeping. Of several callers one gets true.
	take(a *absentee) bool

	// close drops everything. It is called without a lock.
	close()
}

// absentee is what is kept of a socket whose client may come back. It never
// changes.
type absentee struct {
	namespace *Namespace // held in the directory
	pid       string     // a secret of the client
	id, user  string

	// since is when the socket began to get events, last the last of them,
	// zero if there was none, and away when it ended.
	since, last, away offset
	stays             stays
	memory            []byte // Welcome.Memory
	// ongoing says that the socket had not ended when this was written down, at
	// away. It is so in tickets alone.
	ongoing bool
	// ended is closed when the Handler was told of the end. It is nil where
	// another server has told it.
	ended chan struct{}
}

const absenteeOverhead = 512

func (a *absentee) size() int {
	return absenteeOverhead + len(a.pid) + len(a.id) + len(a.user) + len(a.memory) + a.stays.size()
}

// recovery is what a namespace needs so that clients can come back; nil if they
// cannot.
//
// How nothing is lost, repeated or put in another order: what is recorded is
// given its offset, put into the store and queued for its receivers in one
// step, under mu. Everything that decides who a receiver is happens under the
// same lock: a socket's coming (Socket.enter, which also queues what it missed),
// its end (Socket.close), its joining and leaving of rooms. So these things and
// all events stand in one order. Three things follow:
//
//   - The offsets that one client sees grow. If it knows one, it has got
//     everything with a smaller one: its queue keeps the order, and a queue that
//     had no place for one event takes none after it (track.broken).
//   - What a client was to get after an offset can be told from the store and
//     from where the socket was at each offset (stays), whatever it joined and
//     left in between, and whether or not it was queued, or written.
//   - What is recorded after a socket's end and before its client comes back is
//     in the store and in no queue, and what is recorded later in the queue
//     alone.
//
// What is queued is written after mu was released.
type recovery struct {
	// Immutable.
	server    *Server
	store     recoveryStore
	clock     *offsets
	shared    *shared // nil without a journal
	namespace string

	// mu comes before Socket.mu, see docs/architecture.md. All tracks of the
	// namespace's sockets are guarded by it, too.
	mu   sync.Mutex
	last offset // of what was recorded
	// present counts sockets whose clients may come back, and absentees. While
	// there is nobody, nothing is kept.
	present int
}

// newRecovery returns nil if the server has no recovery, or a namespace with this
// entry in the configuration has none.
func newRecovery(s *Server, namespace, pattern string) *recovery {
	if s.store == nil || slices.Contains(s.cfg.Recovery.Except, pattern) {
		return nil
	}
	r := &recovery{server: s, store: s.store, clock: s.clock, shared: s.shared, namespace: namespace}
	if r.shared != nil {
		r.last = offset(r.shared.position.Load())
	}
	return r
}

// now is an offset: everything that was recorded up to it, and nothing behind
// it, was queued for its receivers; mu is held.
func (r *recovery) now() offset {
	if r.shared == nil {
		return r.last
	}
	return max(r.last, offset(r.shared.done.Load()))
}

// newStore returns nil if the configuration has no recovery.
func newStore(s *Server) recoveryStore {
	if !s.cfg.Recovery.Enabled {
		return nil
	}
	return newEventLog(s.cfg.Recovery, s.clock, s.metrics, stayedAway)
}

// lock does nothing where there is no recovery.
func (r *recovery) lock() {
	if r != nil {
		r.mu.Lock()
	}
}

func (r *recovery) unlock() {
	if r != nil {
		r.mu.Unlock()
	}
}

// record gives an event its offset and keeps it; mu is held until the caller
// has queued it.
func (r *recovery) record(p *parser.Packet, options engineio.Options, t Target) (*outgoing, offset) {
	r.last = r.clock.next()
	o := withOffset(p, options, r.last)
	if r.present > 0 {
		r.store.record(r.namespace, newRecorded(o, t, r.last))
	}
	return o, r.last
}

// stamp is record for events that may be volatile, and are not kept then. The
// stock client takes any text at the end of an event for an offset, and could
// not come back after it. So such an event gets one: of what came before it.
func (r *recovery) stamp(e *Event, p *parser.Packet, options engineio.Options, t Target) (*outgoing, offset) {
	switch {
	case !e.Volatile && r.shared == nil:
		return r.record(p, options, t)
	case !endsInText(p.Data), r.shared != nil && r.last == 0: // nobody can come back yet
		return newOutgoing(p, options), 0
	case r.last == 0:
		r.last = r.clock.next()
	}
	return withOffset(p, options, r.last), r.last
}

// endsInText reports whether the last element of an array is a string.
func endsInText(array []byte) bool {
	elements := bytes.TrimRight(array[:len(array)-1], " \t\r\n")
	return elements[len(elements)-1] == '"'
}

// recordFor records events for one socket. In a journal, which cannot be
// written under a lock, they are not.
func (r *recovery) recordFor(s *Socket, events []*outgoing) []*outgoing {
	recorded := make([]*outgoing, len(events))
	for i, o := range events {
		if r.shared != nil {
			recorded[i], _ = r.stamp(&Event{Volatile: true}, o.packet, o.options, Target{})
			continue
		}
		recorded[i], s.track.last = r.record(o.packet, o.options, Target{IDs: []string{s.member.ID}})
	}
	return recorded
}

// depart notes that somebody will not come back; mu is held.
func (r *recovery) depart() {
	if r.present--; r.present == 0 && r.shared == nil {
		r.store.forget(r.namespace)
	}
}

// stayedAway is the end of an absentee that has not come back.
func stayedAway(a *absentee) {
	r := a.namespace.recovery
	r.lock()
	r.depart()
	r.unlock()
	r.server.namespaces.release(a.namespace)
}

// emit is Namespace.Emit where clients can come back.
func (r *recovery) emit(n *Namespace, t Target, e *Event, p *parser.Packet) *Delivery {
	pooled := receivers.Get().(*[]*Socket) //nolint:errcheck // the pool holds nothing else
	r.mu.Lock()
	sockets := n.index.Match((*pooled)[:0], t)
	d := &Delivery{Matched: len(sockets)}
	if e.Tracked && len(sockets) > 0 {
		d.tally = engineio.NewTally(len(sockets))
	}
	options := e.options()
	options.Tally = d.tally
	packet, at := r.stamp(e, p, options, t)
	flushes := queueFor(sockets, packet, at)
	r.mu.Unlock()
	n.server.metrics.emitted.Inc()
	n.server.metrics.deliveries.Add(float64(d.Matched))
	flush(flushes)
	clear(sockets)
	*pooled = sockets[:0]
	receivers.Put(pooled)
	return d
}

// queueFor queues an event for sockets, and returns those whose writing is up to
// the caller; recovery.mu is held.
func queueFor(sockets []*Socket, packet *outgoing, at offset) (flushes []*Socket) {
	flushes = sockets[:0]
	for _, s := range sockets {
		if flush, _ := s.queueRecorded(packet, at); flush { // who has left, or is too slow, is no error of the others
			flushes = append(flushes, s)
		}
	}
	return flushes
}

// hear is emit for an event of the journal. What was there before clients can
// come back is recorded only.
func (r *recovery) hear(n *Namespace, rec *record, kept *recorded) *Delivery {
	r.mu.Lock()
	r.last = kept.offset
	r.store.record(r.namespace, kept)
	if rec.gap || !r.shared.isPresent() {
		r.mu.Unlock()
		return &Delivery{}
	}
	sockets := n.index.Match(nil, rec.target)
	d, packet := &Delivery{Matched: len(sockets)}, kept.packets
	if rec.tracked && len(sockets) > 0 {
		d.tally = engineio.NewTally(len(sockets))
		options := packet.options
		options.Tally = d.tally
		packet = newOutgoing(packet.packet, options)
	}
	flushes := queueFor(sockets, packet, kept.offset)
	r.mu.Unlock()
	n.server.metrics.deliveries.Add(float64(d.Matched))
	flush(flushes)
	return d
}

// hear takes an event of the journal, into which servers of another configuration
// may have put it.
func (n *Namespace) hear(rec *record, kept *recorded) *Delivery {
	switch {
	case n.recovery != nil:
		return n.recovery.hear(n, rec, kept)
	case rec.gap || !n.server.shared.isPresent():
		return &Delivery{}
	}
	sockets := n.index.Match(nil, rec.target)
	d := &Delivery{Matched: len(sockets)}
	deliver(sockets, newOutgoing(rec.packet, rec.options()))
	return d
}

// heir is the socket that has the id of one now: itself, or that of its client
// who is back already. Whoever found the socket before means its client. It is
// s where nobody has the id; mu is held.
func (r *recovery) heir(s *Socket) *Socket {
	if r == nil {
		return s
	}
	if heir, ok := s.namespace.Socket(s.member.ID); ok {
		return heir
	}
	return s
}

// emitTo is Socket.Emit where clients can come back.
func (r *recovery) emitTo(s *Socket, e *Event, p *parser.Packet) error {
	r.mu.Lock()
	s = r.heir(s)
	packet, at := r.stamp(e, p, e.options(), Target{IDs: []string{s.member.ID}})
	flush, err := s.queueRecorded(packet, at)
	r.mu.Unlock()
	if flush {
		s.conn.session.Flush()
	}
	return err
}

// queueRecorded is Socket.queue for an event with this offset, or with none;
// recovery.mu is held. After an event that found no place in the queue there must not be
// another: the client would take its offset for a sign that it has got all.
func (s *Socket) queueRecorded(o *outgoing, at offset) (flush bool, err error) {
	f := o.frame(s.conn.dialect)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.state != connected:
		f.Drop()
		return false, ErrClosed
	case s.track == nil:
		return s.conn.session.Queue(f)
	case s.track.broken:
		f.Drop()
		return false, ErrSlowConsumer
	}
	s.track.last = max(at, s.track.last)
	flush, err = s.conn.session.Queue(f)
	s.track.broken = err != nil
	return flush, err
}
