package realtime_test

import (
	"errors"
	"iter"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/seed52a35d2d/realtime-server/clients/go/realtime"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

// threeRooms answers ListRooms with rooms a, b and c, two on the first page.
func threeRooms(coverage *realtimev1.Coverage) func(proto.Message) (proto.Message, error) {
	return func(req proto.Message) (proto.Message, error) {
		if req.(*realtimev1.ListRoomsRequest).GetPageToken() == "" {
			return &realtimev1.ListRoomsResponse{
				Rooms: []*realtimev1.Room{{Name: "a"}, {Name: "b"}}, NextPageToken: "2", Coverage: coverage,
			}, nil
		}
		return &realtimev1.ListRoomsResponse{Rooms: []*realtimev1.Room{{Name: "c"}}}, nil
	}
}

// names reads a listing to its end.
func names(rooms iter.Seq2[*realtime.Room, error]) ([]string, error) {
	var found []string
	for room, err := range rooms {
		if err != nil {
			return found, err
		}
		found = append(found, room.GetName())
	}
	return found, nil
}

func TestRoomsReadsEveryPage(t *testing.T) {
	server := newRecorder(t, threeRooms(nil))
	client := server.client(t, realtime.WithPlaintext())
	found, err := names(client.Rooms(t.Context(), realtime.RoomFilter{Namespace: "/chat", Prefix: "p"}))
	if want := []string{"a", "b", "c"}; err != nil || !slices.Equal(found, want) {
		t.Errorf("rooms %q, error %v, want %q", found, err, want)
	}
	want := []proto.Message{
		&realtimev1.ListRoomsRequest{Namespace: "/chat", Prefix: "p"},
		&realtimev1.ListRoomsRequest{Namespace: "/chat", Prefix: "p", PageToken: "2"},
	}
	if diff := cmp.Diff(want, server.requests, protocmp.Transform()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestRoomsStopsWithTheLoop(t *testing.T) {
	server := newRecorder(t, threeRooms(nil))
	for range server.client(t, realtime.WithPlaintext()).Rooms(t.Context(), realtime.RoomFilter{}) {
		break
	}
	if len(server.requests) != 1 {
		t.Errorf("%d requests, want 1", len(server.requests))
	}
}

func TestRoomsOfACrippledCluster(t *testing.T) {
	server := newRecorder(t, threeRooms(&realtimev1.Coverage{NodesAsked: 2, NodesAnswered: 1, Partial: true}))
	client := server.client(t, realtime.WithPlaintext())
	found, err := names(client.Rooms(t.Context(), realtime.RoomFilter{}))
	if want := []string{"a", "b", "c"}; !slices.Equal(found, want) || !errors.Is(err, realtime.ErrPartial) {
		t.Errorf("rooms %q, error %v, want %q and ErrPartial", found, err, want)
	}
}

func TestConnections(t *testing.T) {
	server := newRecorder(t, always(&realtimev1.ListConnectionsResponse{
		Connections: []*realtimev1.Connection{{Id: "c1"}, {Id: "c2"}},
	}, nil))
	client := server.client(t, realtime.WithPlaintext())
	var ids []string
	for c, err := range client.Connections(t.Context(), realtime.Filter{Namespace: "/chat", Room: "a", User: "u1"}) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, c.GetId())
	}
	if want := []string{"c1", "c2"}; !slices.Equal(ids, want) {
		t.Errorf("connections %q, want %q", ids, want)
	}
	want := []proto.Message{&realtimev1.ListConnectionsRequest{Namespace: "/chat", Room: "a", UserId: "u1"}}
	if diff := cmp.Diff(want, server.requests, protocmp.Transform()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestConnectionsEndsWithTheError(t *testing.T) {
	server := newRecorder(t, always(nil, status.Error(codes.Unavailable, "draining")))
	client := server.client(t, realtime.WithPlaintext())
	var errs []error
	for c, err := range client.Connections(t.Context(), realtime.Filter{}) {
		if c != nil {
			t.Errorf("connection %v beside error %v", c, err)
		}
		errs = append(errs, err)
	}
	if len(errs) != 1 || status.Code(errs[0]) != codes.Unavailable {
		t.Errorf("errors %v, want one Unavailable", errs)
	}
}
