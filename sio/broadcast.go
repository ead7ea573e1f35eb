package sio

import (
	"context"
	"sync"

	"github.com/seed52a35d2d/realtime-server/sio/engineio"
	"github.com/seed52a35d2d/realtime-server/sio/parser"
)

// Delivery is one event on its way.
type Delivery struct {
	// Matched is how many sockets the event is for.
	Matched int
	// Entry is the event's place in the journal, "" if it is in none. Where it is,
	// all servers of the journal deliver it, and the rest tells of this one alone;
	// see Server.Receipt.
	Entry string
	tally *engineio.Tally
}

// Outcome says what became of the copies of an event.
type Outcome = engineio.Outcome

// Outcome waits until all copies are decided or ctx ends. It is empty unless
// the event was Tracked.
func (d *Delivery) Outcome(ctx context.Context) Outcome {
	if d.tally == nil {
		return Outcome{}
	}
	return d.tally.Wait(ctx)
}

// receivers are reused: a broadcast allocates nothing per socket.
var receivers = sync.Pool{New: func() any { return &[]*Socket{} }}

// Emit sends an event to the sockets of a target. The error is a *FieldError, or
// ErrUncertain.
//
// It queues the event for all of them before it writes to any: while it
// writes, the events of others join the same queues, and leave with the same
// system calls.
func (n *Namespace) Emit(t Target, e *Event) (*Delivery, error) {
	p, err := e.packet(n.name)
	if err != nil {
		return nil, err
	}
	if h := n.journal(); h != nil && !e.Volatile {
		return h.emit(n, t, e, p)
	}
	return n.deliver(t, e, p), nil
}

// EmitHere is Emit for an event that other servers are asked to deliver by other
// ways than the journal. The error is a *FieldError.
func (n *Namespace) EmitHere(t Target, e *Event) (*Delivery, error) {
	p, err := e.packet(n.name)
	if err != nil {
		return nil, err
	}
	if h := n.journal(); h != nil {
		return h.emitHere(n, t, e, p), nil
	}
	return n.deliver(t, e, p), nil
}

func (n *Namespace) deliver(t Target, e *Event, p *parser.Packet) *Delivery {
	if n.recovery != nil {
		return n.recovery.emit(n, t, e, p)
	}
	pooled := receivers.Get().(*[]*Socket) //nolint:errcheck // the pool holds nothing else
	sockets := n.index.Match((*pooled)[:0], t)
	d := &Delivery{Matched: len(sockets)}
	if e.Tracked && len(sockets) > 0 {
		d.tally = engineio.NewTally(len(sockets))
	}
	options := e.options()
	options.Tally = d.tally
	n.server.metrics.emitted.Inc()
	n.server.metrics.deliveries.Add(float64(len(sockets)))
	deliver(sockets, newOutgoing(p, options))
	clear(sockets)
	*pooled = sockets[:0]
	receivers.Put(pooled)
	return d
}

// deliver queues a packet for sockets, then writes.
func deliver(sockets []*Socket, packet *outgoing) {
	flushes := sockets[:0] // those whose writing is up to us
	for _, s := range sockets {
		if flush, _ := s.queue(packet); flush { // who has left, or is too slow, is no error of the others
			flushes = append(flushes, s)
		}
	}
	flush(flushes)
}

// flush writes what was queued for sockets.
func flush(sockets []*Socket) {
	for _, s := range sockets {
		s.conn.session.Flush()
	}
}
