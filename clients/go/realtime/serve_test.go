package realtime

import (
	"context"
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

func acceptAll(context.Context, AuthRequest) (Accept, error) { return Accept{}, nil }

func TestServeFinishesCallsInFlight(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	backend := &Backend{Authenticate: func(context.Context, AuthRequest) (Accept, error) {
		cancel() // The end comes in the middle of the call.
		return Accept{UserID: "u1"}, nil
	}}
	served := make(chan error, 1)
	go func() { served <- serve(ctx, listener, backend, nil) }()

	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	res, err := realtimev1.NewRealtimeBackendClient(conn).Authenticate(t.Context(), &realtimev1.AuthenticateRequest{})
	if err != nil || res.GetAccept().GetUserId() != "u1" {
		t.Errorf("reply %v, error %v", res, err)
	}
	if err := <-served; err != nil {
		t.Errorf("serve: %v", err)
	}
}

func TestServeWithABrokenListener(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	if err := serve(t.Context(), listener, &Backend{Authenticate: acceptAll}, nil); err == nil {
		t.Error("no error")
	}
}

func TestServeRefuses(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	tests := map[string]struct {
		address string
		backend *Backend
	}{
		"a backend without Authenticate": {"127.0.0.1:0", &Backend{}},
		"an address that is taken":       {taken.Addr().String(), &Backend{Authenticate: acceptAll}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if err := Serve(t.Context(), test.address, test.backend); err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestServeEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := serve(ctx, listener, &Backend{Authenticate: acceptAll}, nil); err != nil {
		t.Error(err)
	}
}
