package service_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/seed52a35d2d/realtime-server/authn"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/internal/backend/backendtest"
	"github.com/seed52a35d2d/realtime-server/service"
	"github.com/seed52a35d2d/realtime-server/sio"
	"github.com/seed52a35d2d/realtime-server/sio/siotest"
)

// inEventMode has clients say later who they are.
func inEventMode(p service.Policy) service.Policy {
	mode := service.EventMode{Rooms: []string{"everybody"}}.WithDefaults()
	p.EventMode = &mode
	return p
}

const isoTime = `"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"`

// wantMatch reads the next message, which must match as a whole.
func (b *browser) wantMatch(pattern string) {
	b.t.Helper()
	if got, _ := b.read(); !regexp.MustCompile(`^` + pattern + `$`).MatchString(got) {
		b.t.Fatalf("got %s, want %s", got, pattern)
	}
}

func (b *browser) wantLetIn(id string) {
	b.t.Helper()
	b.wantMatch(`42\["authenticated",\{"id":"` + id + `","time":` + isoTime + `\}\]`)
}

func (b *browser) wantPing() {
	b.t.Helper()
	b.wantMatch(`42\["ping",\{"time":` + isoTime + `\}\]`)
}

// wantTurnedAway reads how a client is sent away.
func (b *browser) wantTurnedAway(message string) {
	b.t.Helper()
	b.wantMatch(`42\["unauthenticated",\{"message":"` + message + `","time":` + isoTime + `\}\]`)
	b.want("41")
}

const (
	refusedText = "Invalid token to authenticate! Please login again!"
	brokenText  = "Failed to authenticate connection! Please login again!"
)

func TestStrangerIsNobodyUntilItIsLetIn(t *testing.T) {
	connected := make(chan []string, 1)
	asked := make(chan *realtimev1.AuthenticateRequest, 1)
	policy := inEventMode(asking(t, &backendtest.Stub{
		AuthenticateFunc: func(ctx context.Context, req *realtimev1.AuthenticateRequest) (*realtimev1.AuthenticateResponse, error) {
			asked <- req
			return accepting(&realtimev1.Accept{UserId: "ada", Rooms: []string{"own"}, Events: event("first")})(ctx, req)
		},
		ConnectedFunc: func(_ context.Context, req *realtimev1.OnConnectedRequest) (*realtimev1.OnConnectedResponse, error) {
			connected <- []string{req.GetContext().GetConnectionId(), req.GetContext().GetUserId()}
			return &realtimev1.OnConnectedResponse{Events: event("hello")}, nil
		},
	}))
	w := newWorld(t, policy)
	b, id := join(t, w.door, `{"token":"t"}`)
	b.wantError(`"shout"`, "UNAUTHENTICATED", false)
	b.wantError(`"join",{"rooms":["a"]}`, "UNAUTHENTICATED", false)
	b.send(`42["shout"]`)

	nobody := func() {
		t.Helper()
		if sent, err := w.api.Broadcast(t.Context(), &realtimev1.BroadcastRequest{Event: &realtimev1.Event{Name: "news"}}); err != nil || sent.GetReport().GetMatched() != 0 {
			t.Errorf("%v, %v", sent, err)
		}
		if _, err := w.api.GetConnection(t.Context(), &realtimev1.GetConnectionRequest{ConnectionId: id}); status.Code(err) != codes.NotFound {
			t.Errorf("found: %v", err)
		}
		if count, err := w.api.CountConnections(t.Context(), &realtimev1.CountConnectionsRequest{}); err != nil || count.GetConnections() != 0 {
			t.Errorf("%v, %v", count, err)
		}
		if joined, err := w.api.JoinRoom(t.Context(), &realtimev1.JoinRoomRequest{Target: to(id), Rooms: []string{"a"}}); err != nil || joined.GetMatched() != 0 {
			t.Errorf("%v, %v", joined, err)
		}
	}
	nobody()
	b.send(`421["authenticate",{"token":"u"},2]`)
	b.wantLetIn(id)
	b.want(`42["first"]`)
	b.wantPing()
	b.wantMatch(`431\[\{"id":"` + id + `","time":` + isoTime + `\}\]`)
	b.want(`42["hello"]`)
	if on := <-connected; !slices.Equal(on, []string{id, "ada"}) {
		t.Errorf("connected %q", on)
	}
	req := <-asked
	if req.GetCause() != realtimev1.AuthenticateCause_AUTHENTICATE_CAUSE_EVENT || len(req.GetPayload()) != 2 ||
		req.GetPayload()[0].GetJson() != `{"token":"u"}` || req.GetHandshake().GetClaims().GetAuthJson() != `{"token":"t"}` ||
		req.GetContext().GetConnectionId() != id || req.GetContext().GetUserId() != "" {
		t.Errorf("asked with %v", req)
	}
	got, err := w.api.GetConnection(t.Context(), &realtimev1.GetConnectionRequest{ConnectionId: id})
	if err != nil || !slices.Equal(got.GetConnection().GetRooms(), []string{"everybody", "own"}) {
		t.Errorf("%v, %v", got, err)
	}
	b.wantError(`"authenticate"`, "ALREADY_AUTHENTICATED", false)
	if _, err := w.api.Send(t.Context(), &realtimev1.SendRequest{Target: inRoom("everybody"), Event: &realtimev1.Event{Name: "news"}}); err != nil {
		t.Fatal(err)
	}
	b.want(`42["news"]`)
	for outcome, n := range map[string]float64{"UNAUTHENTICATED": 3, "ALREADY_AUTHENTICATED": 1} {
		if got := w.counter(t, "realtime_gateway_events_total", "/", outcome, ""); got != n {
			t.Errorf("%v counted as %s", got, outcome)
		}
	}
}

func TestStrangersAreTurnedAway(t *testing.T) {
	for name, test := range map[string]struct {
		identity  authn.Identity
		err       error
		text, ack string
		verdict   string
	}{
		"refused":        {err: &authn.Refusal{Code: "NO", Message: "Not you"}, text: refusedText, ack: `{"code":"NO","reason":"Not you","temporary":false}`, verdict: "refused"},
		"broken":         {err: authn.Broken("BACKEND_UNAVAILABLE", errors.New("s3cret")), text: brokenText, ack: `{"code":"BACKEND_UNAVAILABLE","reason":"Authentication is unavailable","temporary":true}`, verdict: "broken"},
		"unknown":        {err: errors.New("s3cret"), text: brokenText, ack: `{"code":"INTERNAL","reason":"Internal error","temporary":true}`, verdict: "broken"},
		"too many rooms": {identity: authn.Identity{Rooms: strings.Split("abcd", "")}, text: brokenText, ack: `{"code":"BACKEND_INVALID_REPLY","reason":"Authentication is unavailable","temporary":true}`, verdict: "broken"},
		"bad event":      {identity: authn.Identity{Events: []authn.Event{{Name: "connect"}}}, text: brokenText, ack: `{"code":"BACKEND_INVALID_REPLY","reason":"Authentication is unavailable","temporary":true}`, verdict: "broken"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, inEventMode(service.Policy{Authenticator: authenticator(
				func(context.Context, authn.Handshake) (authn.Identity, error) { return test.identity, test.err },
			)}))
			b, _ := join(t, w.door, "")
			b.send(`42["authenticate"]`)
			b.wantTurnedAway(test.text)
			b, id := join(t, w.door, "")
			b.send(`421["authenticate",{}]`)
			b.send(`42["after"]`)
			b.want(`431[{"error":` + test.ack + `}]`)
			b.wantTurnedAway(test.text)
			if n := w.counter(t, "realtime_gateway_authentications_total", "/", test.verdict); n != 2 {
				t.Errorf("%v counted as %s", n, test.verdict)
			}
			if _, err := w.api.GetConnection(t.Context(), &realtimev1.GetConnectionRequest{ConnectionId: id}); status.Code(err) != codes.NotFound {
				t.Errorf("found: %v", err)
			}
		})
	}
}

// Who is accepted when there is no place any more is told so, as in mode connect.
func TestNoPlaceForAStranger(t *testing.T) {
	w := newWorld(t, inEventMode(service.Policy{Authenticator: authenticator(
		func(context.Context, authn.Handshake) (authn.Identity, error) { return authn.Identity{}, nil },
	)}))
	first, second := open(t, w.door, "", nil), open(t, w.door, "", nil)
	first.send("40/team-a,")
	first.want("40/team-a,")
	second.send("40/team-b,")
	second.want("40/team-b,")
	first.send(`42/team-a,["authenticate"]`)
	first.want(`42/team-a,["authenticated"`)
	second.send(`42/team-b,1["authenticate"]`)
	second.want(`43/team-b,1[{"error":{"code":"NAMESPACE_LIMIT","reason":"Too many namespaces","temporary":true}}]`)
	second.want(`42/team-b,["unauthenticated",{"message":"` + brokenText)
	second.want("41/team-b,")
}

func TestPanicTurnsOneStrangerAway(t *testing.T) {
	w := newWorld(t, inEventMode(service.Policy{Authenticator: authenticator(
		func(context.Context, authn.Handshake) (authn.Identity, error) { panic("as the test wants it") },
	)}))
	for range 2 {
		b, _ := join(t, w.door, "")
		b.send(`42["authenticate"]`)
		b.wantTurnedAway(brokenText)
	}
	w.close() // a panic is counted after the client was told
	if n := w.counter(t, "realtime_handler_panics_total"); n != 2 {
		t.Errorf("%v panics were seen", n)
	}
}

// What a client says while it is asked for waits, and is heard if it is let in.
func TestStrangersMaySayMoreAtOnce(t *testing.T) {
	gate := make(chan struct{})
	policy := inEventMode(service.Policy{Dev: true, Authenticator: authenticator(
		func(context.Context, authn.Handshake) (authn.Identity, error) {
			<-gate
			return authn.Identity{}, nil
		},
	)})
	w := newWorld(t, policy)
	b, id := join(t, w.door, "")
	b.send(`42["authenticate"]`)
	b.send(`421["authenticate"]`)
	b.send(`422["echo",1]`)
	b.send(`423["echo",2]`)
	close(gate)
	b.wantLetIn(id)
	b.wantPing()
	b.want(`431[{"error":{"code":"ALREADY_AUTHENTICATED"`)
	b.want(`432[1]`)
	b.want(`433[2]`)
}

func TestStrangerThatLeavesWhileItIsAskedFor(t *testing.T) {
	gone := make(chan struct{})
	asked := make(chan struct{})
	w := newWorld(t, inEventMode(service.Policy{Authenticator: authenticator(
		func(ctx context.Context, _ authn.Handshake) (authn.Identity, error) {
			close(asked)
			<-ctx.Done()
			close(gone)
			return authn.Identity{User: "ada", Rooms: []string{"r"}}, nil // too late
		},
	)}))
	b, _ := join(t, w.door, "")
	b.send(`42["authenticate"]`)
	<-asked
	b.conn.Close()
	<-gone
	w.close()
	if n := w.counter(t, "realtime_gateway_authentications_total", "/", "left"); n != 1 {
		t.Errorf("%v counted", n)
	}
	if rooms, err := w.api.ListRooms(t.Context(), &realtimev1.ListRoomsRequest{}); err != nil || len(rooms.GetRooms()) > 0 {
		t.Errorf("%v, %v", rooms, err)
	}
}

// inTime runs a server in mode event on virtual time.
func inTime(t *testing.T, policy service.Policy, test func(*testing.T, *siotest.Listener, *prometheus.Registry)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		reg, log := prometheus.NewRegistry(), slog.New(slog.DiscardHandler)
		gateway := service.NewGateway(map[string]service.Policy{"/": policy}, service.DefaultConfig(), log, reg)
		sockets, err := sio.New(sio.DefaultConfig(), gateway, log, reg)
		if err != nil {
			t.Fatal(err)
		}
		test(t, siotest.Serve(t, sockets), reg)
		sockets.Close(t.Context())
		gateway.Close()
	})
}

// messages reads for some time and returns what came, and at which second.
func messages(b *browser, stay time.Duration) (all []string) {
	begin := time.Now()
	heard := make(chan string)
	go func() {
		defer close(heard)
		for {
			b.conn.SetReadDeadline(begin.Add(stay))
			text, op, err := b.readFrame()
			if err != nil || op == ws.OpClose {
				return
			}
			if text == "2" { // Engine.IO's own ping
				b.send("3")
				continue
			}
			heard <- fmt.Sprintf("%v %s", time.Since(begin).Truncate(time.Second), text)
		}
	}()
	for text := range heard {
		all = append(all, text)
	}
	return all
}

func TestTimeLimitOfStrangers(t *testing.T) {
	hanging := authenticator(func(ctx context.Context, _ authn.Handshake) (authn.Identity, error) {
		<-ctx.Done()
		return authn.Identity{User: "ada"}, nil // as if the answer had come at this moment
	})
	for name, test := range map[string]struct {
		says []string
		want []string
	}{
		"says nothing":        {nil, []string{"10s 41"}},
		"says something else": {[]string{`42["hello"]`}, []string{"10s 41"}},
		"is asked for":        {[]string{`42["authenticate"]`}, []string{`10s 42["unauthenticated",{"message":"` + brokenText + `"`, "10s 41"}},
	} {
		t.Run(name, func(t *testing.T) {
			inTime(t, inEventMode(service.Policy{Authenticator: hanging}), func(t *testing.T, door *siotest.Listener, reg *prometheus.Registry) {
				t.Helper()
				b, _ := join(t, door, "")
				for _, text := range test.says {
					b.send(text)
				}
				got := messages(b, time.Minute)
				if !slices.EqualFunc(got, test.want, strings.HasPrefix) {
					t.Errorf("got %q, want %q", got, test.want)
				}
				w := &world{metrics: reg}
				if n := w.counter(t, "realtime_gateway_authentications_total", "/", "late"); n != 1 {
					t.Errorf("%v counted", n)
				}
			})
		})
	}
}

// Who is let in in time stays, and is pinged.
func TestPings(t *testing.T) {
	slow := authenticator(func(context.Context, authn.Handshake) (authn.Identity, error) {
		time.Sleep(9 * time.Second)
		return authn.Identity{}, nil
	})
	count := func(t *testing.T, policy service.Policy) (pings []string) {
		t.Helper()
		inTime(t, policy, func(t *testing.T, door *siotest.Listener, _ *prometheus.Registry) {
			t.Helper()
			b, _ := join(t, door, "")
			b.send(`42["authenticate"]`)
			for _, text := range messages(b, 2*time.Minute) {
				second, packet, _ := strings.Cut(text, " ")
				var event []json.RawMessage
				if json.Unmarshal([]byte(strings.TrimPrefix(packet, "42")), &event) == nil && string(event[0]) == `"ping"` {
					pings = append(pings, second)
				}
			}
			b.conn.Close()
		})
		return pings
	}
	policy := inEventMode(service.Policy{Authenticator: slow})
	if got := count(t, policy); !slices.Equal(got, []string{"9s", "39s", "1m9s", "1m39s"}) {
		t.Errorf("pings after %q", got)
	}
	policy.EventMode.PingInterval = -1
	if got := count(t, policy); !slices.Equal(got, []string{"9s"}) {
		t.Errorf("without pings: after %q", got)
	}
}
