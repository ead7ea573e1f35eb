package sio

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed52a35d2d/realtime-server/sio/parser"
)

// AckOutcome says what became of one socket's acknowledgement.
type AckOutcome uint8

// The outcomes.
const (
	// AckAnswered: the client has acknowledged the event.
	AckAnswered AckOutcome = iota + 1
	// AckTimedOut: the client has not done so in time, for whatever reason: a
	// volatile or expired copy that was dropped is one.
	AckTimedOut
	// AckDisconnected: the socket ended first.
	AckDisconnected
	// AckOverflow: the client has answered, but there was no room for it; see
	// Config.MaxAckQueue.
	AckOverflow
)

var ackOutcomes = [...]string{"none", "answered", "timed out", "disconnected", "overflow"}

// String is the outcome's text, stable for metrics.
func (o AckOutcome) String() string { return ackOutcomes[o] }

// Ack is what became of one socket's acknowledgement.
type Ack struct {
	Socket  *Socket
	Outcome AckOutcome
	// Args are the client's, if it has answered.
	Args []Arg

	size int // bytes, for the limit of the queue
}

// Acks are the acknowledgements of one event, as they come: one Ack for each
// socket that was asked. Close them.
//
// A socket's acknowledgement counts once, and only in time. What comes late,
// twice, or from a socket that was not asked, is ignored and counted.
type Acks struct {
	// Matched is how many sockets were asked.
	Matched int

	// Immutable.
	server   *Server
	id       uint64 // the same for all sockets: it is one frame
	deadline time.Time
	timer    *time.Timer
	more     chan struct{} // there is more to take; holds one signal

	mu      sync.Mutex           // stands alone
	waiting map[*Socket]struct{} // those that have neither answered nor left
	queue   []Ack                // what the caller has not taken yet
	bytes   int                  // of the queue
}

// EmitWithAck sends an event to the sockets of a target and asks each of them
// for an acknowledgement within a time. The error is a *FieldError or
// ErrTooManyAcks; nothing was sent then.
func (n *Namespace) EmitWithAck(t Target, e *Event, within time.Duration) (*Acks, error) {
	p, err := e.packet(n.name)
	if err != nil {
		return nil, err
	}
	sockets := n.Sockets(t)
	a, err := n.server.newAcks(sockets, within)
	if err != nil {
		return nil, err
	}
	p.ID, p.HasID = a.id, true
	n.server.metrics.emitted.Inc()
	n.server.metrics.deliveries.Add(float64(len(sockets)))
	a.ask(sockets, newOutgoing(p, e.options()))
	return a, nil
}

// asking is what a server knows of all its Acks.
type asking struct {
	lastID  atomic.Uint64
	pending atomic.Int64 // acknowledgements that are waited for, or not taken yet
}

// newAcks waits for acknowledgements of sockets, unless there are too many
// already.
func (s *Server) newAcks(sockets []*Socket, within time.Duration) (*Acks, error) {
	if s.asking.pending.Add(int64(len(sockets))) > int64(s.cfg.MaxPendingAcks) {
		s.asking.pending.Add(-int64(len(sockets)))
		return nil, ErrTooManyAcks
	}
	s.metrics.acksPending.Add(float64(len(sockets)))
	a := &Acks{
		Matched:  len(sockets),
		server:   s,
		id:       s.asking.lastID.Add(1),
		deadline: time.Now().Add(within),
		timer:    time.NewTimer(within),
		more:     make(chan struct{}, 1),
		waiting:  make(map[*Socket]struct{}, len(sockets)),
	}
	for _, socket := range sockets {
		a.waiting[socket] = struct{}{}
	}
	return a, nil
}

// ask queues the packet for sockets, then writes.
func (a *Acks) ask(sockets []*Socket, packet *outgoing) {
	flushes := sockets[:0] // those whose writing is up to us
	for _, s := range sockets {
		flush, err := s.queueAsking(a, packet)
		if flush {
			flushes = append(flushes, s)
		}
		if err != nil {
			a.left(s) // has left, or is being closed
		}
	}
	flush(flushes)
}

// Next returns the next acknowledgement, in the order in which they came, and
// after the deadline those that did not. It returns io.EOF when every socket
// was accounted for, or the error of ctx.
func (a *Acks) Next(ctx context.Context) (Ack, error) {
	for {
		ack, err := a.take()
		if ack.Outcome == AckTimedOut {
			ack.Socket.forgetAck(a)
		}
		if err != nil || ack.Socket != nil {
			return ack, err
		}
		select {
		case <-a.more:
		case <-a.timer.C:
		case <-ctx.Done():
			return Ack{}, ctx.Err()
		}
	}
}

// take returns what Next would, or nothing if it has to wait.
func (a *Acks) take() (Ack, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.queue) > 0 {
		ack := a.queue[0]
		a.queue[0] = Ack{}
		a.queue = a.queue[1:]
		a.bytes -= ack.size
		a.server.settle(1, ack.Outcome.String())
		return ack, nil
	}
	if len(a.waiting) == 0 {
		return Ack{}, io.EOF
	}
	if !a.late() {
		return Ack{}, nil
	}
	for s := range a.waiting {
		delete(a.waiting, s)
		a.server.settle(1, AckTimedOut.String())
		return Ack{Socket: s, Outcome: AckTimedOut}, nil
	}
	return Ack{}, nil
}

// late reports whether the deadline is over, whatever the timer did.
func (a *Acks) late() bool { return !time.Now().Before(a.deadline) }

// answer takes a socket's acknowledgement. It is false for one that comes
// late.
func (a *Acks) answer(s *Socket, args []Arg, size int) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, waits := a.waiting[s]; !waits || a.late() {
		return false
	}
	ack := Ack{Socket: s, Outcome: AckAnswered, Args: args, size: size}
	if a.bytes+size > a.server.cfg.MaxAckQueue {
		ack = Ack{Socket: s, Outcome: AckOverflow}
	}
	a.put(ack)
	return true
}

// left gives up waiting for a socket that has ended.
func (a *Acks) left(s *Socket) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, waits := a.waiting[s]; waits && !a.late() {
		a.put(Ack{Socket: s, Outcome: AckDisconnected})
	}
}

// put queues for Next what became of a socket; the lock is held.
func (a *Acks) put(ack Ack) {
	delete(a.waiting, ack.Socket)
	a.queue = append(a.queue, ack)
	a.bytes += ack.size
	select {
	case a.more <- struct{}{}:
	default:
	}
}

// Close gives up what was not taken. The sockets may answer as they like.
func (a *Acks) Close() {
	a.timer.Stop()
	a.mu.Lock()
	waiting, left := a.waiting, len(a.waiting)+len(a.queue)
	a.waiting, a.queue = nil, nil
	a.mu.Unlock()
	for s := range waiting {
		s.forgetAck(a)
	}
	a.server.settle(left, "given up")
}

// settle counts acknowledgements that are waited for no longer.
func (s *Server) settle(n int, outcome string) {
	if n > 0 {
		s.asking.pending.Add(-int64(n))
		s.metrics.acksPending.Sub(float64(n))
		s.metrics.acks.WithLabelValues(outcome).Add(float64(n))
	}
}

// queueAsking queues a packet as Socket.queue does, and waits for its
// acknowledgement.
func (s *Socket) queueAsking(a *Acks, o *outgoing) (flush bool, err error) {
	f := o.frame(s.conn.dialect)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != connected {
		f.Drop()
		return false, ErrClosed
	}
	if s.asked == nil {
		s.asked = map[uint64]*Acks{}
	}
	s.asked[a.id] = a
	return s.conn.session.Queue(f)
}

// forgetAck forgets that an acknowledgement is waited for.
func (s *Socket) forgetAck(a *Acks) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.takeAck(a.id)
}

// takeAck returns who waits for an acknowledgement, and forgets it; the lock is
// held.
func (s *Socket) takeAck(id uint64) (a *Acks) {
	a = s.asked[id]
	delete(s.asked, id)
	if len(s.asked) == 0 {
		s.asked = nil
	}
	return a
}

// acknowledge takes an ACK packet of the client.
func (s *Socket) acknowledge(p *parser.Packet) error {
	args, err := p.Args()
	if err != nil {
		return err
	}
	s.mu.Lock()
	connecting, a := s.state == connecting, s.takeAck(p.ID)
	s.mu.Unlock()
	if connecting {
		return errNotConnected
	}
	if a == nil || !a.answer(s, args, sizeOf(p, args)) {
		s.conn.server.metrics.acksIgnored.Inc()
	}
	return nil
}
