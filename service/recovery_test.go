package service_test

import (
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/internal/backend/backendtest"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// TestBackendOfOneWhoComesBack: a backend that is slow to take note of an end
// hears of it before it hears of the return, with the same connection id. What
// proves the return is not shown to it.
func TestBackendOfOneWhoComesBack(t *testing.T) {
	calls := make(chan string, 20)
	release := make(chan struct{})
	w := newWorld(t, asking(t, &backendtest.Stub{
		AuthenticateFunc: func(ctx context.Context, req *realtimev1.AuthenticateRequest) (*realtimev1.AuthenticateResponse, error) {
			calls <- "authenticate " + req.GetHandshake().GetClaims().GetAuthJson() + " " + req.GetRecoveringConnectionId()
			return accepting(&realtimev1.Accept{UserId: "ada", Rooms: []string{"a"}})(ctx, req)
		},
		ConnectedFunc: func(_ context.Context, req *realtimev1.OnConnectedRequest) (*realtimev1.OnConnectedResponse, error) {
			if req.GetRecovered() {
				calls <- "recovered " + req.GetContext().GetConnectionId()
			} else {
				calls <- "connected " + req.GetContext().GetConnectionId()
			}
			return &realtimev1.OnConnectedResponse{Events: event("hello")}, nil
		},
		DisconnectedFunc: func(_ context.Context, req *realtimev1.OnDisconnectedRequest) (*realtimev1.OnDisconnectedResponse, error) {
			<-release
			calls <- "disconnected " + req.GetContext().GetConnectionId()
			return &realtimev1.OnDisconnectedResponse{}, nil
		},
	}), func(cfg *sio.Config) { cfg.Recovery.Enabled = true })

	b := open(t, w.door, "", nil)
	b.send(`40{"token":"x"}`)
	var told struct{ SID, PID string }
	if err := json.Unmarshal([]byte(strings.TrimPrefix(b.want("40{"), "40")), &told); err != nil {
		t.Fatal(err)
	}
	var hello []string
	if err := json.Unmarshal([]byte(strings.TrimPrefix(b.want(`42["hello",`), "42")), &hello); err != nil {
		t.Fatal(err)
	}
	b.send("1")
	_, _ = io.Copy(io.Discard, b.r) // until the server is through with the session
	if got, want := <-calls+"\n"+<-calls, `authenticate {"token":"x"} `+"\nconnected "+told.SID; got != want {
		t.Errorf("the backend heard %s, want %s", got, want)
	}

	c := open(t, w.door, "", nil)
	c.send(`40{"token":"y","pid":"` + told.PID + `","offset":"` + hello[1] + `"}`)
	if got, want := <-calls, `authenticate {"token":"y"} `+told.SID; got != want {
		t.Errorf("the backend heard %s, want %s", got, want)
	}
	close(release)
	c.want(`40{"sid":"` + told.SID + `","pid":"` + told.PID + `"}`)
	c.want(`42["hello",`)
	want := []string{"disconnected " + told.SID, "recovered " + told.SID}
	if diff := cmp.Diff(want, []string{<-calls, <-calls}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if n := w.counter(t, "realtime_recoveries_total", "recovered"); n != 1 {
		t.Errorf("%v recoveries were counted", n)
	}
}
