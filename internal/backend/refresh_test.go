package backend

import (
	"context"
	"errors"
	"testing"

	"google.golang.org/grpc/codes"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/internal/backend/backendtest"
)

// Newcomers are shed while there are too many of them. A client that refreshes its
// credential at that time is none.
func TestStormDoesNotPushOutWhoRefreshes(t *testing.T) {
	const refresh = realtimev1.AuthenticateCause_AUTHENTICATE_CAUSE_REFRESH
	begun, open := make(chan struct{}, 3), make(chan struct{})
	c, _ := connect(t, backendtest.Serve(t, &backendtest.Stub{AuthenticateFunc: func(
		ctx context.Context, _ *realtimev1.AuthenticateRequest,
	) (*realtimev1.AuthenticateResponse, error) {
		begun <- struct{}{}
		select {
		case <-open:
		case <-ctx.Done():
		}
		return &realtimev1.AuthenticateResponse{}, ctx.Err()
	}}), func(c *Config) { c.MaxInFlight, c.MaxQueue = 1, 1 })
	ends := make(chan error, 3)
	ask := func(cause realtimev1.AuthenticateCause) {
		_, err := c.Authenticate(t.Context(), &realtimev1.AuthenticateRequest{Context: &realtimev1.RequestContext{}, Cause: cause})
		ends <- err
	}
	waits := func(lane Lane) bool {
		c.guard.places.mu.Lock()
		defer c.guard.places.mu.Unlock()
		return c.guard.places.waiting[lane].Len() == 1
	}
	go ask(0)
	<-begun
	go ask(0)
	until(t, "a newcomer waited", func() bool { return waits(Newcomers) })
	ask(0)
	var shed *Error
	if err := <-ends; !errors.As(err, &shed) || shed.Code != codes.ResourceExhausted {
		t.Fatalf("one newcomer too many: %v", err)
	}
	go ask(refresh)
	until(t, "the refresh waited", func() bool { return waits(Residents) })
	close(open)
	for range 3 {
		if err := <-ends; err != nil {
			t.Error(err)
		}
	}
}
