package backend

import (
	"context"
	"slices"
	"testing"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/internal/backend/backendtest"
)

func TestAuthorizeJoin(t *testing.T) {
	ask := func(stub *backendtest.Stub) *realtimev1.AuthorizeJoinResponse {
		t.Helper()
		c, log := connect(t, backendtest.Serve(t, stub), func(*Config) {})
		reply, err := c.AuthorizeJoin(t.Context(), &realtimev1.AuthorizeJoinRequest{
			Context: &realtimev1.RequestContext{ConnectionId: "c1"}, Rooms: []string{"a", "b"},
		})
		if err != nil || log.String() != "" {
			t.Fatalf("%v; log %s", err, log)
		}
		return reply
	}
	var on *realtimev1.RequestContext
	reply := ask(&backendtest.Stub{AuthorizeFunc: func(
		_ context.Context, req *realtimev1.AuthorizeJoinRequest,
	) (*realtimev1.AuthorizeJoinResponse, error) {
		on = req.GetContext()
		return &realtimev1.AuthorizeJoinResponse{AllowedRooms: req.GetRooms()}, nil
	}})
	if !slices.Equal(reply.GetAllowedRooms(), []string{"a", "b"}) || on.GetConnectionId() != "c1" || on.GetNodeId() == "" || on.GetAttempt() != 1 {
		t.Errorf("%v for %v", reply, on)
	}
	if reply := ask(&backendtest.Stub{}); len(reply.GetAllowedRooms()) > 0 {
		t.Errorf("a backend that knows of no joins allows %v", reply)
	}
}
