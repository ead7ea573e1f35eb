package service_test

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

func TestRequestsReportEveryFault(t *testing.T) {
	w := newWorld(t, dev(t))
	ok := &realtimev1.Event{Name: "e"}
	long := strings.Repeat("x", 257)
	send := func(target *realtimev1.Target, event *realtimev1.Event) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := w.api.Send(ctx, &realtimev1.SendRequest{Target: target, Event: event})
			return err
		}
	}
	event := func(args ...*realtimev1.Arg) func(context.Context) error {
		return send(inRoom("a"), &realtimev1.Event{Name: "e", Args: args})
	}
	value := func(v *structpb.Value) *realtimev1.Arg {
		return &realtimev1.Arg{Kind: &realtimev1.Arg_Value{Value: v}}
	}
	for _, test := range []struct {
		name string
		call func(context.Context) error
		want []string // the fields at fault
	}{
		{"nothing", send(nil, nil), []string{"target", "event.name"}},
		{"only exceptions", send(&realtimev1.Target{ExceptRooms: []string{"a"}}, ok), []string{"target"}},
		{"names", send(&realtimev1.Target{
			Rooms: []string{"a", "", "a\x00"}, Users: []string{long}, ConnectionIds: []string{""},
			ExceptRooms: []string{""}, ExceptUsers: []string{""}, ExceptConnectionIds: []string{"a", ""},
		}, ok), []string{
			"target.rooms[1]", "target.rooms[2]", "target.users[0]", "target.connection_ids[0]",
			"target.except_rooms[0]", "target.except_users[0]", "target.except_connection_ids[1]",
		}},
		{"many names", send(inRoom(make([]string, 1001)...), ok), []string{"target.rooms"}},
		{"reserved", send(inRoom("a"), &realtimev1.Event{Name: "disconnect"}), []string{"event.name"}},
		{"long event name", send(inRoom("a"), &realtimev1.Event{Name: long}), []string{"event.name"}},
		{"many arguments", event(make([]*realtimev1.Arg, 65)...), []string{"event.args"}},
		{
			"arguments",
			event(
				jsonArg(`{`), &realtimev1.Arg{}, value(structpb.NewNumberValue(math.NaN())), jsonArg(``),
				value(structpb.NewListValue(&structpb.ListValue{Values: []*structpb.Value{structpb.NewNumberValue(math.Inf(1))}})),
			),
			[]string{"event.args[1]", "event.args[2].value", "event.args[4].value", "event.args[0].json", "event.args[3].json"},
		},
		{
			"name and arguments",
			send(inRoom("a"), &realtimev1.Event{Args: []*realtimev1.Arg{jsonArg("1 2")}}),
			[]string{"event.name", "event.args[0].json"},
		},
		{
			"deep argument",
			event(jsonArg(strings.Repeat("[", 1000)+strings.Repeat("]", 1000)), jsonArg(strings.Repeat("[", 1001)+strings.Repeat("]", 1001))),
			[]string{"event.args[1]"},
		},
		{
			"placeholder without attachment",
			event(jsonArg(`{"_placeholder":true,"num":0}`), &realtimev1.Arg{Kind: &realtimev1.Arg_Binary{Binary: []byte{1}}}),
			[]string{"event.args[0]"},
		},
		{
			"expired",
			send(inRoom("a"), &realtimev1.Event{Name: "e", ExpiresAfter: &durationpb.Duration{}}),
			[]string{"event.expires_after"},
		},
		{
			"no duration",
			send(inRoom("a"), &realtimev1.Event{Name: "e", ExpiresAfter: &durationpb.Duration{Seconds: math.MaxInt64}}),
			[]string{"event.expires_after"},
		},
		{"broadcast", func(ctx context.Context) error {
			_, err := w.api.Broadcast(ctx, &realtimev1.BroadcastRequest{
				ExceptRooms: []string{""}, ExceptUsers: []string{""}, ExceptConnectionIds: []string{""}, ReportLevel: 99,
			})
			return err
		}, []string{"report_level", "except_rooms[0]", "except_users[0]", "except_connection_ids[0]", "event.name"}},
		{"send with ack", func(ctx context.Context) error {
			_, err := collect(ctx, w, &realtimev1.SendWithAckRequest{Timeout: &durationpb.Duration{}})
			return err
		}, []string{"target", "timeout", "event.name"}},
		{"long timeout", func(ctx context.Context) error {
			_, err := collect(ctx, w, &realtimev1.SendWithAckRequest{
				Target: inRoom("a"), Event: ok, Timeout: &durationpb.Duration{Seconds: 601},
			})
			return err
		}, []string{"timeout"}},
		{"no timeout", func(ctx context.Context) error {
			_, err := collect(ctx, w, &realtimev1.SendWithAckRequest{
				Target: inRoom("a"), Event: ok, Timeout: &durationpb.Duration{Seconds: math.MaxInt64, Nanos: -1},
			})
			return err
		}, []string{"timeout"}},
		{"join", func(ctx context.Context) error {
			_, err := w.api.JoinRoom(ctx, &realtimev1.JoinRoomRequest{})
			return err
		}, []string{"target", "rooms"}},
		{"leave", func(ctx context.Context) error {
			_, err := w.api.LeaveRoom(ctx, &realtimev1.LeaveRoomRequest{Target: inRoom("a"), Rooms: []string{""}})
			return err
		}, []string{"rooms[0]"}},
		{"disconnect", func(ctx context.Context) error {
			_, err := w.api.Disconnect(ctx, &realtimev1.DisconnectRequest{
				Reason: long, LastEvent: &realtimev1.Event{Name: "connect"},
			})
			return err
		}, []string{"target", "reason", "last_event.name"}},
		{"get", func(ctx context.Context) error {
			_, err := w.api.GetConnection(ctx, &realtimev1.GetConnectionRequest{})
			return err
		}, []string{"connection_id"}},
		{"list connections", func(ctx context.Context) error {
			_, err := w.api.ListConnections(ctx, &realtimev1.ListConnectionsRequest{
				Room: long, UserId: "\x00", PageSize: 1001, PageToken: "!",
			})
			return err
		}, []string{"room", "user_id", "page_size", "page_token"}},
		{"list rooms", func(ctx context.Context) error {
			_, err := w.api.ListRooms(ctx, &realtimev1.ListRoomsRequest{Prefix: long, PageSize: -1, PageToken: "YWJj"})
			return err
		}, []string{"prefix", "page_size", "page_token"}},
		{"count", func(ctx context.Context) error {
			_, err := w.api.CountConnections(ctx, &realtimev1.CountConnectionsRequest{Room: "\x00", UserId: long})
			return err
		}, []string{"room", "user_id"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := test.call(t.Context())
			if reason(err) != "INVALID_REQUEST" {
				t.Fatalf("got %v", err)
			}
			var got []string
			for _, f := range fields(err) {
				field, _, _ := strings.Cut(f, ":")
				got = append(got, field)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", fields(err), test.want)
			}
		})
	}
}

func TestRequestsAtTheLimit(t *testing.T) {
	w := newWorld(t, dev(t))
	rooms := make([]string, 1000)
	for i := range rooms {
		rooms[i] = strings.Repeat("ü", 128)
	}
	args := make([]*realtimev1.Arg, 64)
	for i := range args {
		args[i] = jsonArg("null")
	}
	_, err := w.api.Send(t.Context(), &realtimev1.SendRequest{
		Target: inRoom(rooms...),
		Event: &realtimev1.Event{
			Name: strings.Repeat("x", 256), Args: args, ExpiresAfter: &durationpb.Duration{Nanos: 1},
		},
	})
	if err != nil {
		t.Error(err)
	}
}
