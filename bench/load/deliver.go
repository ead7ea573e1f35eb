package load

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/seed52a35d2d/realtime-server/bench/internal/client"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

// room is where clients of a server under --dev begin.
const room = "news"

// Delivery is a number of events for all clients, sent through the API.
type Delivery struct {
	API     realtimev1.RealtimeClient
	Clients []*client.Conn
	Pace    Pace
	// Callers is how many calls may be under way at once. More than one
	// leaves the order of the events open.
	Callers int
	// Payload is how many bytes of text an event carries beside its number.
	Payload int
}

// Run sends the events, every other one with Send to a room and with
// Broadcast, and follows them to the clients.
func (d *Delivery) Run(ctx context.Context) (Counts, error) {
	return Follow(d.Clients, d.Pace.Total, func() error { return d.send(ctx) })
}

// Follow has somebody send numbered events and the end to all clients, and
// follows them.
func Follow(clients []*client.Conn, total int, send func() error) (Counts, error) {
	var sender errgroup.Group
	sender.Go(send)
	counts, err := follow(clients, total, eventNumber)
	if failed := sender.Wait(); failed != nil {
		err = failed // and what the clients missed follows from it
	}
	return counts, err
}

func (d *Delivery) send(ctx context.Context) error {
	var callers errgroup.Group
	callers.SetLimit(d.Callers)
	text := &realtimev1.Arg{Kind: &realtimev1.Arg_Json{Json: strconv.Quote(strings.Repeat("x", d.Payload))}}
	err := d.Pace.run(func(from, to int) error {
		for n := from; n < to; n++ {
			number := &realtimev1.Arg{Kind: &realtimev1.Arg_Json{Json: strconv.Itoa(n)}}
			event := &realtimev1.Event{Name: "n", Args: []*realtimev1.Arg{number, text}}
			callers.Go(func() error { return d.call(ctx, n, event) })
		}
		return nil
	})
	if failed := callers.Wait(); err == nil {
		err = failed
	}
	if ended := d.broadcast(ctx, &realtimev1.Event{Name: "end"}); err == nil {
		err = ended
	}
	return err
}

func (d *Delivery) call(ctx context.Context, n int, event *realtimev1.Event) error {
	if n%2 == 1 {
		return d.broadcast(ctx, event)
	}
	response, err := d.API.Send(ctx, &realtimev1.SendRequest{
		Target: &realtimev1.Target{Rooms: []string{room}},
		Event:  event,
	})
	return d.matched(response.GetReport(), err)
}

func (d *Delivery) broadcast(ctx context.Context, event *realtimev1.Event) error {
	response, err := d.API.Broadcast(ctx, &realtimev1.BroadcastRequest{Event: event})
	return d.matched(response.GetReport(), err)
}

// matched holds a report against the clients that there are.
func (d *Delivery) matched(report *realtimev1.DeliveryReport, err error) error {
	if err == nil && report.GetMatched() != int64(len(d.Clients)) {
		err = fmt.Errorf("event is for %d connections, want %d", report.GetMatched(), len(d.Clients))
	}
	return err
}
