package service_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/seed52a35d2d/realtime-server/authn"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/service"
)

// authenticator is one function.
type authenticator func(context.Context, authn.Handshake) (authn.Identity, error)

func (a authenticator) Authenticate(ctx context.Context, h authn.Handshake) (authn.Identity, error) {
	return a(ctx, h)
}

// byAuth believes what the client says: {"user": …, "rooms": …}.
var byAuth = authenticator(func(_ context.Context, h authn.Handshake) (authn.Identity, error) {
	var claims struct {
		User  string
		Rooms []string
	}
	err := json.Unmarshal(h.Claims.Auth, &claims)
	return authn.Identity{
		User: claims.User, Rooms: claims.Rooms, Metadata: []byte(`{"role":"admin"}`),
		ExpiresAt: time.Now().Add(time.Hour),
	}, err
})

func TestGetConnection(t *testing.T) {
	w := newWorld(t, service.Policy{Authenticator: byAuth})
	_, id := join(t, w.door, `{"user":"ada","rooms":["b","a"]}`)
	resp, err := w.api.GetConnection(t.Context(), &realtimev1.GetConnectionRequest{ConnectionId: id})
	if err != nil {
		t.Fatal(err)
	}
	c := resp.GetConnection()
	if c.GetId() != id || c.GetNamespace() != "/" || c.GetUserId() != "ada" || !slices.Equal(c.GetRooms(), []string{"a", "b"}) ||
		c.GetMetadata().GetFields()["role"].GetStringValue() != "admin" || c.GetTransport() != "websocket" ||
		c.GetNodeId() != "node-1" || time.Since(c.GetConnectedAt().AsTime()) > time.Minute ||
		time.Until(c.GetExpiresAt().AsTime()) < time.Minute {
		t.Errorf("connection %v", c)
	}
}

func TestListsPage(t *testing.T) {
	w := newWorld(t, service.Policy{Authenticator: byAuth})
	var want []string
	for i := range 5 {
		_, id := join(t, w.door, fmt.Sprintf(`{"user":"u%d","rooms":["all","room/%d"]}`, i%2, i))
		want = append(want, id)
	}
	slices.Sort(want)

	var ids []string
	for token := ""; len(ids) == 0 || token != ""; {
		resp, err := w.api.ListConnections(t.Context(), &realtimev1.ListConnectionsRequest{PageSize: 2, PageToken: token})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range resp.GetConnections() {
			ids = append(ids, c.GetId())
		}
		token = resp.GetNextPageToken()
		if resp.GetCoverage().GetNodesAnswered() != 1 || resp.GetCoverage().GetPartial() {
			t.Errorf("coverage %v", resp.GetCoverage())
		}
	}
	if !slices.Equal(ids, want) {
		t.Errorf("got %v, want %v", ids, want)
	}

	first, err := w.api.ListRooms(t.Context(), &realtimev1.ListRoomsRequest{Prefix: "room/", PageSize: 4})
	if err != nil {
		t.Fatal(err)
	}
	if len(first.GetRooms()) != 4 || first.GetRooms()[0].GetName() != "room/0" || first.GetRooms()[0].GetConnections() != 1 {
		t.Errorf("first page %v", first)
	}
	second, err := w.api.ListRooms(t.Context(), &realtimev1.ListRoomsRequest{Prefix: "room/", PageToken: first.GetNextPageToken()})
	if err != nil || len(second.GetRooms()) != 1 || second.GetNextPageToken() != "" {
		t.Errorf("second page %v, %v", second, err)
	}
	if _, err := w.api.ListConnections(t.Context(), &realtimev1.ListConnectionsRequest{
		PageToken: first.GetNextPageToken(),
	}); reason(err) != "INVALID_REQUEST" {
		t.Errorf("a token of another list: %v", err)
	}
}

func TestConditionsNarrow(t *testing.T) {
	w := newWorld(t, service.Policy{Authenticator: byAuth})
	for _, auth := range []string{
		`{"user":"ada","rooms":["a"]}`, `{"user":"ada","rooms":["b"]}`, `{"user":"bob","rooms":["a"]}`, `{"rooms":["a"]}`,
	} {
		join(t, w.door, auth)
	}
	for _, test := range []struct {
		room, user         string
		connections, users int64
	}{
		{"", "", 4, 2}, {"a", "", 3, 2}, {"", "ada", 2, 1}, {"a", "ada", 1, 1}, {"b", "bob", 0, 0},
	} {
		count, err := w.api.CountConnections(t.Context(), &realtimev1.CountConnectionsRequest{Room: test.room, UserId: test.user})
		if err != nil || count.GetConnections() != test.connections || count.GetUsers() != test.users {
			t.Errorf("%+v: %v, %v", test, count, err)
		}
		list, err := w.api.ListConnections(t.Context(), &realtimev1.ListConnectionsRequest{Room: test.room, UserId: test.user})
		if err != nil || int64(len(list.GetConnections())) != test.connections {
			t.Errorf("%+v: %v, %v", test, list, err)
		}
	}
}

func TestDisconnect(t *testing.T) {
	w := newWorld(t, dev(t))
	for _, reconnect := range []bool{false, true} {
		b, id := join(t, w.door, "")
		resp, err := w.api.Disconnect(t.Context(), &realtimev1.DisconnectRequest{
			Target: to(id), Reason: "maintenance", AllowReconnect: reconnect,
			LastEvent: &realtimev1.Event{Name: "bye"},
		})
		if err != nil || resp.GetMatched() != 1 {
			t.Fatalf("%v, %v", resp, err)
		}
		b.want(`42["bye"]`)
		if reconnect {
			b.wantEnd()
		} else {
			b.want("41")
		}
	}
}

func TestRooms(t *testing.T) {
	w := newWorld(t, dev(t))
	a, aID := join(t, w.door, "")
	_, bID := join(t, w.door, "")
	a.ask(`"join",{"rooms":["1","2","3","4"]}`)

	joined, err := w.api.JoinRoom(t.Context(), &realtimev1.JoinRoomRequest{Target: to(aID, bID), Rooms: []string{"5"}})
	if err != nil || joined.GetMatched() != 2 || joined.GetRefused() != 1 {
		t.Errorf("JoinRoom: %v, %v", joined, err)
	}
	if _, err := w.api.JoinRoom(t.Context(), &realtimev1.JoinRoomRequest{
		Target: to(aID), Rooms: []string{"5"},
	}); reason(err) != "TOO_MANY_ROOMS" {
		t.Errorf("JoinRoom of a full connection: %v", err)
	}
	left, err := w.api.LeaveRoom(t.Context(), &realtimev1.LeaveRoomRequest{Target: to(aID, bID), Rooms: []string{"1", "5"}})
	if err != nil || left.GetMatched() != 2 {
		t.Errorf("LeaveRoom: %v, %v", left, err)
	}
	rooms, err := w.api.ListRooms(t.Context(), &realtimev1.ListRoomsRequest{})
	if err != nil || len(rooms.GetRooms()) != 3 {
		t.Errorf("ListRooms: %v, %v", rooms, err)
	}
}
