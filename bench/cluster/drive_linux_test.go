package cluster

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/seed52a35d2d/realtime-server/bench/internal/client"
	"github.com/seed52a35d2d/realtime-server/bench/internal/control"
	"github.com/seed52a35d2d/realtime-server/bench/load"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

// driver makes one node do something, as its users do.
type driver interface {
	// join makes clients of the node, which has no others, members, and returns
	// when they can be reached from other nodes.
	join(ctx context.Context, clients []*client.Conn, r rooms) error
	leave(ctx context.Context, clients []*client.Conn, r rooms) error
	// sender sends to rooms, whoever is in there.
	sender(r rooms) load.Sender
}

// api drives realtime-server.
type api struct{ client realtimev1.RealtimeClient }

func (a api) join(ctx context.Context, clients []*client.Conn, r rooms) error {
	return a.change(clients, r, func(to *realtimev1.Target, rooms []string) (int64, error) {
		response, err := a.client.JoinRoom(ctx, &realtimev1.JoinRoomRequest{Target: to, Rooms: rooms})
		return response.GetMatched() - response.GetRefused(), err
	})
}

func (a api) leave(ctx context.Context, clients []*client.Conn, r rooms) error {
	return a.change(clients, r, func(to *realtimev1.Target, rooms []string) (int64, error) {
		response, err := a.client.LeaveRoom(ctx, &realtimev1.LeaveRoomRequest{Target: to, Rooms: rooms})
		return response.GetMatched(), err
	})
}

// change does something with the members of each group, and counts them.
func (a api) change(clients []*client.Conn, r rooms, call func(to *realtimev1.Target, rooms []string) (int64, error)) error {
	for group := range r.groups {
		ids := r.members(clients, group)
		n, err := call(&realtimev1.Target{ConnectionIds: ids}, r.names(group))
		if err == nil && int(n) != len(ids) {
			err = fmt.Errorf("rooms of %d connections were changed, want %d", n, len(ids))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (a api) sender(r rooms) load.Sender {
	return sender{a, r, realtimev1.ReportLevel_REPORT_LEVEL_NONE, nil}
}

// sender sends through the API, one call for each event.
type sender struct {
	api

	to    rooms
	level realtimev1.ReportLevel
	took  func(time.Duration) // notes how long a call took, if not nil
}

// Broadcast sends numbers, each to a room of every group.
func (s sender) Broadcast(ctx context.Context, o control.Order) error {
	text := argOf(strconv.Quote(o.Text()))
	return o.Each(func(n int) error {
		event := &realtimev1.Event{Name: "n", Args: []*realtimev1.Arg{argOf(strconv.Itoa(n)), text}}
		for group := range s.to.groups {
			if err := s.send(ctx, s.to.name(group, n), event); err != nil {
				return err
			}
		}
		return nil
	})
}

// End sends the event after the last number.
func (s sender) End(ctx context.Context) error {
	for group := range s.to.groups {
		if err := s.send(ctx, s.to.name(group, 0), &realtimev1.Event{Name: "end"}); err != nil {
			return err
		}
	}
	return nil
}

func (s sender) send(ctx context.Context, room string, event *realtimev1.Event) error {
	start := time.Now()
	_, err := s.client.Send(ctx, &realtimev1.SendRequest{
		Target: &realtimev1.Target{Rooms: []string{room}}, Event: event, ReportLevel: s.level,
	})
	if s.took != nil {
		s.took(time.Since(start))
	}
	return err
}

func argOf(json string) *realtimev1.Arg {
	return &realtimev1.Arg{Kind: &realtimev1.Arg_Json{Json: json}}
}

// door drives bench/peers/node.
type door struct{ control.Door }

func (d door) join(ctx context.Context, _ []*client.Conn, r rooms) error {
	return d.Tell(ctx, "join", r.query())
}

func (d door) leave(ctx context.Context, _ []*client.Conn, r rooms) error {
	return d.Tell(ctx, "leave", r.query())
}

func (d door) sender(r rooms) load.Sender { return doorSender{d, r} }

type doorSender struct {
	door

	to rooms
}

// Broadcast sends numbers, each to a room of every group.
func (s doorSender) Broadcast(ctx context.Context, o control.Order) error {
	query := o.Query()
	maps.Copy(query, s.to.query())
	return s.Tell(ctx, "broadcast", query)
}

// End sends the event after the last number.
func (s doorSender) End(ctx context.Context) error { return s.Tell(ctx, "end", s.to.query()) }
