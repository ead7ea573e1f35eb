package load

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/seed52a35d2d/realtime-server/bench/internal/client"
	"github.com/seed52a35d2d/realtime-server/bench/internal/control"
)

// Delivery is a number of events for all clients.
type Delivery struct {
	Sender  Sender
	Clients []*client.Conn
	Pace    Pace
	// Parallel is how many events may be under way at once, of those that
	// are due.
	Parallel int
	// Payload is how many bytes of text an event carries beside its number.
	Payload int
	// Patience is how long nothing may come, once everything is sent,
	// until what is missing is lost. 0 is as long as the clients live.
	Patience time.Duration
	// Stopwatch times every delivery, if there is one. Its events should be
	// sent one at a time.
	Stopwatch *Stopwatch
}

// Run sends the events and follows them to the clients. It also says how long
// that took, from the first trigger to the last arrival.
func (d *Delivery) Run(ctx context.Context) (Counts, time.Duration, error) {
	f := following{clients: d.Clients, total: d.Pace.Total, number: eventNumber, patience: d.Patience}
	if d.Stopwatch != nil {
		f.arrived = d.Stopwatch.arrive
	}
	var sender errgroup.Group
	sender.Go(func() error {
		defer f.sent()
		return d.send(ctx)
	})
	start := time.Now()
	counts, last, err := f.run()
	if failed := sender.Wait(); failed != nil {
		err = failed // and what the clients missed follows from it
	}
	return counts, last.Sub(start), err
}

func (d *Delivery) send(ctx context.Context) error {
	err := d.Pace.run(func(from, to int) error {
		if d.Stopwatch != nil {
			return d.timed(ctx, from, to)
		}
		return d.order(ctx, from, to-from)
	})
	if ended := d.Sender.End(ctx); err == nil {
		err = ended
	}
	return err
}

// timed sends one event after another, and notes when.
func (d *Delivery) timed(ctx context.Context, from, to int) error {
	for n := from; n < to; n++ {
		d.Stopwatch.trigger(n)
		if err := d.order(ctx, n, 1); err != nil {
			return err
		}
	}
	return nil
}

func (d *Delivery) order(ctx context.Context, first, count int) error {
	return d.Sender.Broadcast(ctx, control.Order{First: first, Count: count, Bytes: d.Payload, Parallel: d.Parallel})
}
