package service_test

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/seed52a35d2d/realtime-server/authn/callback"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/internal/backend"
	"github.com/seed52a35d2d/realtime-server/internal/backend/backendtest"
	"github.com/seed52a35d2d/realtime-server/service"
)

// calling returns a client of the backend at target.
func calling(t *testing.T, target string, timeout time.Duration) *backend.Client {
	t.Helper()
	cfg := backend.DefaultConfig()
	cfg.Target, cfg.Timeout = target, timeout
	client, err := backend.New("test", cfg, backend.Node{ID: "node-1", Generation: func() int64 { return 1 }},
		slog.New(slog.DiscardHandler), backend.NewMetrics(prometheus.NewRegistry()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// asking is the policy whose every question goes to stub.
func asking(t *testing.T, stub *backendtest.Stub) service.Policy {
	t.Helper()
	client := calling(t, backendtest.Serve(t, stub), patience)
	return service.Policy{Authenticator: callback.New(client, maxRooms), Backend: client}
}

// accepting answers Authenticate with a.
func accepting(a *realtimev1.Accept) func(
	context.Context, *realtimev1.AuthenticateRequest,
) (*realtimev1.AuthenticateResponse, error) {
	return func(context.Context, *realtimev1.AuthenticateRequest) (*realtimev1.AuthenticateResponse, error) {
		return &realtimev1.AuthenticateResponse{Result: &realtimev1.AuthenticateResponse_Accept{Accept: a}}, nil
	}
}

func event(name string) []*realtimev1.Event { return []*realtimev1.Event{{Name: name}} }

func TestLifeOfAConnection(t *testing.T) {
	metadata, err := structpb.NewStruct(map[string]any{"role": "admin"})
	if err != nil {
		t.Fatal(err)
	}
	calls := make(chan *realtimev1.RequestContext, 9)
	ended := make(chan *realtimev1.OnDisconnectedRequest, 1)
	w := newWorld(t, asking(t, &backendtest.Stub{
		AuthenticateFunc: accepting(&realtimev1.Accept{
			UserId: "ada", Rooms: []string{"a"}, Metadata: metadata, Events: event("first"),
		}),
		ConnectedFunc: func(
			_ context.Context, req *realtimev1.OnConnectedRequest,
		) (*realtimev1.OnConnectedResponse, error) {
			calls <- req.GetContext()
			if req.GetHandshake().GetObserved().GetTransport() != "websocket" {
				t.Errorf("handshake %v", req.GetHandshake())
			}
			return &realtimev1.OnConnectedResponse{Rooms: []string{"b"}, Events: event("second")}, nil
		},
		EventFunc: func(_ context.Context, req *realtimev1.OnEventRequest) (*realtimev1.OnEventResponse, error) {
			calls <- req.GetContext()
			return &realtimev1.OnEventResponse{Ack: req.GetEvent().GetArgs()}, nil
		},
		DisconnectedFunc: func(
			_ context.Context, req *realtimev1.OnDisconnectedRequest,
		) (*realtimev1.OnDisconnectedResponse, error) {
			calls <- req.GetContext()
			ended <- req
			return &realtimev1.OnDisconnectedResponse{}, nil
		},
	}))
	b, id := join(t, w.door, "")
	b.want(`42["first"]`)
	b.want(`42["second"]`)
	if ack := b.ask(`"e",{"b":9007199254740993, "a":null}`); ack != `[{"b":9007199254740993, "a":null}]` {
		t.Errorf("ack %s", ack)
	}
	resp, err := w.api.GetConnection(t.Context(), &realtimev1.GetConnectionRequest{ConnectionId: id})
	if err != nil || !slices.Equal(resp.GetConnection().GetRooms(), []string{"a", "b"}) {
		t.Errorf("%v, %v", resp, err)
	}
	if _, err := w.api.Disconnect(t.Context(), &realtimev1.DisconnectRequest{Target: to(id), Reason: "kicked"}); err != nil {
		t.Fatal(err)
	}
	b.want("41")
	end := <-ended
	if end.GetReason() != "server namespace disconnect" || end.GetDetail() != "kicked" ||
		end.GetDuration().AsDuration() <= 0 || time.Since(end.GetDisconnectedAt().AsTime()) > time.Minute {
		t.Errorf("end %v", end)
	}
	for range 3 {
		on := <-calls
		if on.GetConnectionId() != id || on.GetUserId() != "ada" || on.GetNamespace() != "/" || on.GetNodeId() != "node-1" ||
			on.GetMetadata().GetFields()["role"].GetStringValue() != "admin" {
			t.Errorf("context %v", on)
		}
	}
}

func TestBytesReachTheBackendAndComeBack(t *testing.T) {
	w := newWorld(t, asking(t, &backendtest.Stub{
		AuthenticateFunc: accepting(&realtimev1.Accept{}),
		EventFunc: func(_ context.Context, req *realtimev1.OnEventRequest) (*realtimev1.OnEventResponse, error) {
			args := req.GetEvent().GetArgs()
			if len(args) != 2 || string(args[0].GetBinary()) != "A" || string(args[1].GetAttachments()[0]) != "B" {
				t.Errorf("arguments %v", args)
			}
			return &realtimev1.OnEventResponse{Ack: args}, nil
		},
	}))
	b, _ := join(t, w.door, "")
	b.send(`452-7["e",{"_placeholder":true,"num":0},{"x":{"_placeholder":true,"num":1}}]`)
	b.sendBytes("A")
	b.sendBytes("B")
	b.want(`462-7[{"_placeholder":true,"num":0},{"x":{"_placeholder":true,"num":1}}]`)
	b.want("A")
	b.want("B")
}

func TestEventsThatNobodyAnswers(t *testing.T) {
	failing := func(code codes.Code) string {
		return backendtest.Serve(t, &backendtest.Stub{
			EventFunc: func(context.Context, *realtimev1.OnEventRequest) (*realtimev1.OnEventResponse, error) {
				return nil, status.Error(code, "s3cret")
			},
		})
	}
	nonsense := backendtest.Serve(t, &backendtest.Stub{
		EventFunc: func(context.Context, *realtimev1.OnEventRequest) (*realtimev1.OnEventResponse, error) {
			return &realtimev1.OnEventResponse{Ack: []*realtimev1.Arg{jsonArg("{")}}, nil
		},
	})
	unset := backendtest.Serve(t, &backendtest.Stub{
		EventFunc: func(context.Context, *realtimev1.OnEventRequest) (*realtimev1.OnEventResponse, error) {
			return &realtimev1.OnEventResponse{Ack: []*realtimev1.Arg{{}}}, nil
		},
	})
	slow := backendtest.Serve(t, &backendtest.Stub{
		EventFunc: func(ctx context.Context, _ *realtimev1.OnEventRequest) (*realtimev1.OnEventResponse, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		},
	})
	for _, test := range []struct {
		name, target, code string
		timeout            time.Duration
		temporary          bool
	}{
		{"down", backendtest.Down(t), "BACKEND_UNAVAILABLE", patience, true},
		{"slow", slow, "BACKEND_TIMEOUT", 100 * time.Millisecond, true},
		{"internal", failing(codes.Internal), "BACKEND_ERROR", patience, false},
		{"exhausted", failing(codes.ResourceExhausted), "BACKEND_ERROR", patience, true},
		{"no JSON", nonsense, "BACKEND_INVALID_REPLY", patience, false},
		{"unset", unset, "BACKEND_INVALID_REPLY", patience, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			policy := dev(t)
			policy.Backend = calling(t, test.target, test.timeout)
			w := newWorld(t, policy)
			b, _ := join(t, w.door, "")
			b.wantError(`"e"`, test.code, test.temporary)
			b.wantError(`"e"`, test.code, test.temporary)
			if n := w.counter(t, "realtime_gateway_events_total", "/", test.code, ""); n != 2 {
				t.Errorf("%v counted", n)
			}
			if n := w.log.Count("call=event"); n != 1 {
				t.Errorf("logged %d times", n)
			}
		})
	}
}

func TestConnectedThatFailsChangesNothing(t *testing.T) {
	for name, test := range map[string]struct {
		reply   *realtimev1.OnConnectedResponse
		err     error
		outcome string
	}{
		"error":          {nil, status.Error(codes.Internal, ""), "BACKEND_ERROR"},
		"bad event":      {&realtimev1.OnConnectedResponse{Rooms: []string{"a"}, Events: event("connect")}, nil, "BACKEND_INVALID_REPLY"},
		"bad room":       {&realtimev1.OnConnectedResponse{Rooms: []string{"a", ""}, Events: event("e")}, nil, "BACKEND_INVALID_REPLY"},
		"too many rooms": {&realtimev1.OnConnectedResponse{Rooms: strings.Split("abcde", ""), Events: event("e")}, nil, "BACKEND_INVALID_REPLY"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, asking(t, &backendtest.Stub{
				AuthenticateFunc: accepting(&realtimev1.Accept{}),
				ConnectedFunc: func(context.Context, *realtimev1.OnConnectedRequest) (*realtimev1.OnConnectedResponse, error) {
					return test.reply, test.err
				},
			}))
			b, id := join(t, w.door, "")
			if ack := b.ask(`"e"`); ack != "[]" { // no event came before it
				t.Errorf("ack %s", ack)
			}
			resp, err := w.api.GetConnection(t.Context(), &realtimev1.GetConnectionRequest{ConnectionId: id})
			if err != nil || len(resp.GetConnection().GetRooms()) > 0 {
				t.Errorf("%v, %v", resp, err)
			}
			if n := w.counter(t, "realtime_gateway_lifecycle_calls_total", "connected", "/", test.outcome); n != 1 {
				t.Errorf("%v counted", n)
			}
		})
	}
}

func TestExpiredCredentialEndsTheConnection(t *testing.T) {
	reason := make(chan string, 1)
	w := newWorld(t, asking(t, &backendtest.Stub{
		AuthenticateFunc: func(
			ctx context.Context, req *realtimev1.AuthenticateRequest,
		) (*realtimev1.AuthenticateResponse, error) {
			return accepting(&realtimev1.Accept{
				ExpiresAt: timestamppb.New(time.Now().Add(2 * time.Second)),
			})(ctx, req)
		},
		DisconnectedFunc: func(
			_ context.Context, req *realtimev1.OnDisconnectedRequest,
		) (*realtimev1.OnDisconnectedResponse, error) {
			reason <- req.GetReason()
			return &realtimev1.OnDisconnectedResponse{}, nil
		},
	}))
	b, _ := join(t, w.door, "")
	b.wantEnd()
	if r := <-reason; r != "credential expired" {
		t.Errorf("reason %q", r)
	}
	if n := w.counter(t, "realtime_gateway_connections_expired_total", "/"); n != 1 {
		t.Errorf("%v counted", n)
	}
}

func TestShutdownTellsTheBackend(t *testing.T) {
	reasons := make(chan string, 2)
	w := newWorld(t, asking(t, &backendtest.Stub{
		AuthenticateFunc: accepting(&realtimev1.Accept{}),
		DisconnectedFunc: func(
			_ context.Context, req *realtimev1.OnDisconnectedRequest,
		) (*realtimev1.OnDisconnectedResponse, error) {
			reasons <- req.GetReason()
			return &realtimev1.OnDisconnectedResponse{}, nil
		},
	}))
	for range 2 {
		b, _ := join(t, w.door, "")
		go func() { // takes the close frame, and hangs up
			_, _ = b.conn.Read(make([]byte, 1))
			b.conn.Close()
		}()
	}
	w.close()
	if len(reasons) != 2 {
		t.Fatalf("the server has closed and told of %d connections", len(reasons))
	}
	if r := <-reasons; r != "server shutting down" {
		t.Errorf("reason %q", r)
	}
}

func TestClientThatLeavesWhileItIsAskedFor(t *testing.T) {
	asked := make(chan struct{})
	gone := make(chan struct{})
	w := newWorld(t, asking(t, &backendtest.Stub{
		AuthenticateFunc: func(
			ctx context.Context, _ *realtimev1.AuthenticateRequest,
		) (*realtimev1.AuthenticateResponse, error) {
			close(asked)
			<-ctx.Done()
			close(gone)
			return nil, ctx.Err()
		},
	}))
	b := open(t, w.door, "", nil)
	b.send("40")
	<-asked
	b.conn.Close()
	<-gone
	if n := w.log.Count("level=WARN"); n != 0 {
		t.Errorf("%d warnings", n)
	}
}
