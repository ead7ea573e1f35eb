package load

import (
	"context"
	"fmt"
	"strconv"

	"github.com/seed52a35d2d/realtime-server/bench/internal/control"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

// room is where clients of a server under --dev begin.
const room = "news"

// Sender makes a server send events to all of its clients: from outside
// through its API, or through a control.Door.
type Sender interface {
	// Broadcast returns when the server has sent what was ordered, as far
	// as it can know.
	Broadcast(ctx context.Context, o control.Order) error
	// End sends the event after the last number.
	End(ctx context.Context) error
}

// API sends through the API of realtime-server.
type API struct {
	Client realtimev1.RealtimeClient
	// Audience is how many connections every event must be for, 0 if that
	// changes.
	Audience int
}

// Broadcast sends every other event with Send to a room and with Broadcast. An
// order for more than one at once leaves the order of the events open.
func (a API) Broadcast(ctx context.Context, o control.Order) error {
	text := &realtimev1.Arg{Kind: &realtimev1.Arg_Json{Json: strconv.Quote(o.Text())}}
	return o.Each(func(n int) error {
		number := &realtimev1.Arg{Kind: &realtimev1.Arg_Json{Json: strconv.Itoa(n)}}
		event := &realtimev1.Event{Name: "n", Args: []*realtimev1.Arg{number, text}}
		if n%2 == 1 {
			return a.toAll(ctx, event)
		}
		response, err := a.Client.Send(ctx, &realtimev1.SendRequest{
			Target: &realtimev1.Target{Rooms: []string{room}},
			Event:  event,
		})
		return a.matched(response.GetReport(), err)
	})
}

// End is the event `end`.
func (a API) End(ctx context.Context) error { return a.toAll(ctx, &realtimev1.Event{Name: "end"}) }

func (a API) toAll(ctx context.Context, event *realtimev1.Event) error {
	response, err := a.Client.Broadcast(ctx, &realtimev1.BroadcastRequest{Event: event})
	return a.matched(response.GetReport(), err)
}

// matched holds a report against the clients that there are.
func (a API) matched(report *realtimev1.DeliveryReport, err error) error {
	if err == nil && a.Audience > 0 && report.GetMatched() != int64(a.Audience) {
		err = fmt.Errorf("event is for %d connections, want %d", report.GetMatched(), a.Audience)
	}
	return err
}
