package service_test

import (
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

// TestDynamicNamespaces calls everything for a namespace that a pattern allows
// while nobody is in it, while somebody is, and afterwards.
func TestDynamicNamespaces(t *testing.T) {
	w := newWorld(t, dev(t))
	wantMembers(t, w, 0)
	b := open(t, w.door, "", nil)
	b.send("40/team-red,")
	b.want("40/team-red,")
	b.send(`42/team-red,1["join",{"rooms":["r"]}]`)
	b.want(`43/team-red,1[{"rooms":["r"],"refused":[]}]`)
	wantMembers(t, w, 1)
	b.want(`42/team-red,["news"]`)
	b.want(`42/team-red,["news"]`)
	b.want("41/team-red,")
	wantMembers(t, w, 0)

	scraped, err := w.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, family := range scraped {
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				if strings.HasPrefix(label.GetValue(), "/team") {
					t.Errorf("%s is labelled with what a client has chosen, %s", family.GetName(), label.GetValue())
				}
				if label.GetValue() == teams {
					seen++
				}
			}
		}
	}
	if seen == 0 {
		t.Error("no metric has the pattern as label")
	}
}

// wantMembers calls the API for a team with so many members in the room r, and
// ends them.
func wantMembers(t *testing.T, w *world, n int64) {
	t.Helper()
	const team = "/team-red"
	ctx, target := t.Context(), &realtimev1.Target{Namespace: team, Rooms: []string{"r"}}
	news := &realtimev1.Event{Name: "news"}
	var got []int64
	tell := func(matched int64, err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
		got = append(got, matched)
	}
	send, err := w.api.Send(ctx, &realtimev1.SendRequest{Target: target, Event: news})
	tell(send.GetReport().GetMatched(), err)
	broadcast, err := w.api.Broadcast(ctx, &realtimev1.BroadcastRequest{Namespace: team, Event: news})
	tell(broadcast.GetReport().GetMatched(), err)
	join, err := w.api.JoinRoom(ctx, &realtimev1.JoinRoomRequest{Target: target, Rooms: []string{"s"}})
	tell(join.GetMatched(), err)
	leave, err := w.api.LeaveRoom(ctx, &realtimev1.LeaveRoomRequest{Target: target, Rooms: []string{"s"}})
	tell(leave.GetMatched(), err)
	rooms, err := w.api.ListRooms(ctx, &realtimev1.ListRoomsRequest{Namespace: team})
	tell(int64(len(rooms.GetRooms())), err)
	list, err := w.api.ListConnections(ctx, &realtimev1.ListConnectionsRequest{Namespace: team})
	tell(int64(len(list.GetConnections())), err)
	count, err := w.api.CountConnections(ctx, &realtimev1.CountConnectionsRequest{Namespace: team})
	tell(count.GetConnections(), err)
	for _, c := range list.GetConnections() {
		one, err := w.api.GetConnection(ctx, &realtimev1.GetConnectionRequest{Namespace: team, ConnectionId: c.GetId()})
		if err != nil || one.GetConnection().GetNamespace() != team {
			t.Errorf("%v %v", one, err)
		}
	}
	gone, err := w.api.Disconnect(ctx, &realtimev1.DisconnectRequest{Target: target})
	tell(gone.GetMatched(), err)
	for i := range got {
		if got[i] != n {
			t.Errorf("the calls see %d members, want %d each", got, n)
			break
		}
	}
}

func TestNoPatternMatches(t *testing.T) {
	w := newWorld(t, dev(t))
	for _, name := range []string{"/team-", "/team-RED", "/teams", "/team-" + strings.Repeat("x", 300)} {
		_, err := w.api.CountConnections(t.Context(), &realtimev1.CountConnectionsRequest{Namespace: name})
		if status.Code(err) != codes.NotFound {
			t.Errorf("%.20s: %v", name, err)
		}
	}
}
