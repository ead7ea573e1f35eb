package realtime_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/seed52a35d2d/realtime-server/clients/go/realtime"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

// callBackend serves a backend until the test ends and returns the stub that
// realtime-server would call it with.
func callBackend(t *testing.T, backend *realtime.Backend) realtimev1.RealtimeBackendClient {
	t.Helper()
	server := grpc.NewServer()
	realtime.Register(server, backend)
	return dialBackend(t, serveOnLoopback(t, server))
}

func dialBackend(t *testing.T, address string) realtimev1.RealtimeBackendClient {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return realtimev1.NewRealtimeBackendClient(conn)
}

func wantProto(t *testing.T, want, got proto.Message) {
	t.Helper()
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("reply (-want +got):\n%s", diff)
	}
}

func mustStruct(t *testing.T, fields map[string]any) *structpb.Struct {
	t.Helper()
	s, err := structpb.NewStruct(fields)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// What every call carries, as the server writes it and as functions read it.
var (
	handshakeMessage = &realtimev1.Handshake{
		Claims: &realtimev1.ClientClaims{
			AuthJson: `{"token":"secret"}`,
			Query:    map[string]string{"v": "1"},
			Headers:  map[string]string{"cookie": "c"},
		},
		Observed: &realtimev1.ObservedFacts{
			RemoteAddress: "192.0.2.1", Secure: true, Transport: "polling",
			Time: timestamppb.New(noon), Url: "/socket.io/?v=1", CrossOrigin: true,
		},
	}
	handshake = realtime.Handshake{
		Claims: realtime.Claims{
			Auth:    json.RawMessage(`{"token":"secret"}`),
			Query:   map[string]string{"v": "1"},
			Headers: map[string]string{"cookie": "c"},
		},
		Observed: realtime.Observed{
			RemoteAddress: "192.0.2.1", Secure: true, Transport: "polling",
			Time: noon, URL: "/socket.io/?v=1", CrossOrigin: true,
		},
	}
	request = realtime.RequestContext{
		ConnectionID: "c1", Namespace: "/chat", NodeID: "n1", Generation: 7, UserID: "u1",
		Metadata: map[string]any{"plan": "free"}, Attempt: 1,
	}
)

func requestMessage(t *testing.T) *realtimev1.RequestContext {
	t.Helper()
	return &realtimev1.RequestContext{
		ConnectionId: "c1", Namespace: "/chat", NodeId: "n1", Generation: 7, UserId: "u1",
		Metadata: mustStruct(t, map[string]any{"plan": "free"}), Attempt: 1,
	}
}

func TestAuthenticateAccepts(t *testing.T) {
	var got realtime.AuthRequest
	stub := callBackend(t, &realtime.Backend{
		Authenticate: func(_ context.Context, req realtime.AuthRequest) (realtime.Accept, error) {
			got = req
			return realtime.Accept{
				UserID: "u1", Rooms: []string{"a"}, ExpiresAt: noon,
				Metadata: map[string]any{"roles": []string{"admin"}},
				Events:   []realtime.Event{realtime.NewEvent("hello", "you")},
				TokenID:  "t-1",
			}, nil
		},
	})
	res, err := stub.Authenticate(t.Context(), &realtimev1.AuthenticateRequest{
		Context:   &realtimev1.RequestContext{ConnectionId: "c1", Namespace: "/"},
		Handshake: handshakeMessage,

		RecoveringConnectionId: "c0",
		Cause:                  realtimev1.AuthenticateCause_AUTHENTICATE_CAUSE_EVENT,
		Payload:                []*realtimev1.Arg{jsonArg(`{"token":"t"}`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := realtime.AuthRequest{
		RequestContext: realtime.RequestContext{ConnectionID: "c1", Namespace: "/"},
		Handshake:      handshake,

		RecoveringConnectionID: "c0",
		Cause:                  realtime.CauseEvent,
		Payload:                []any{json.RawMessage(`{"token":"t"}`)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	accept := &realtimev1.Accept{
		UserId: "u1", Rooms: []string{"a"}, ExpiresAt: timestamppb.New(noon),
		Metadata: mustStruct(t, map[string]any{"roles": []any{"admin"}}),
		Events:   []*realtimev1.Event{{Name: "hello", Args: []*realtimev1.Arg{jsonArg(`"you"`)}}},
		TokenId:  "t-1",
	}
	wantProto(t, &realtimev1.AuthenticateResponse{
		Result: &realtimev1.AuthenticateResponse_Accept{Accept: accept},
	}, res)
}

func TestAuthorizeJoin(t *testing.T) {
	var got realtime.JoinRequest
	stub := callBackend(t, &realtime.Backend{
		AuthorizeJoin: func(_ context.Context, req realtime.JoinRequest) ([]string, error) {
			got = req
			return req.Rooms[1:], nil
		},
	})
	res, err := stub.AuthorizeJoin(t.Context(), &realtimev1.AuthorizeJoinRequest{
		Context: requestMessage(t), Rooms: []string{"a", "b"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(realtime.JoinRequest{RequestContext: request, Rooms: []string{"a", "b"}}, got); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	wantProto(t, &realtimev1.AuthorizeJoinResponse{AllowedRooms: []string{"b"}}, res)
}

func TestAuthenticateRefuses(t *testing.T) {
	type hint struct {
		Retry bool `json:"retry"`
	}
	tests := map[string]struct {
		data any
		want *structpb.Value
	}{
		"without data": {nil, nil},
		"with a struct": {hint{Retry: true}, structpb.NewStructValue(&structpb.Struct{
			Fields: map[string]*structpb.Value{"retry": structpb.NewBoolValue(true)},
		})},
		"with a string": {"later", structpb.NewStringValue("later")},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			stub := callBackend(t, &realtime.Backend{
				Authenticate: func(context.Context, realtime.AuthRequest) (realtime.Accept, error) {
					refusal := realtime.Refuse("BAD_TOKEN", "Log in first", test.data)
					return realtime.Accept{}, fmt.Errorf("check token: %w", refusal)
				},
			})
			res, err := stub.Authenticate(t.Context(), &realtimev1.AuthenticateRequest{})
			if err != nil {
				t.Fatal(err)
			}
			refuse := &realtimev1.Refuse{Code: "BAD_TOKEN", Message: "Log in first", Data: test.want}
			wantProto(t, &realtimev1.AuthenticateResponse{
				Result: &realtimev1.AuthenticateResponse_Refuse{Refuse: refuse},
			}, res)
		})
	}
}

func TestAuthenticateFails(t *testing.T) {
	badEvent := realtime.NewEvent("e", func() {})
	tests := map[string]struct {
		accept realtime.Accept
		err    error
		want   codes.Code
	}{
		"error":           {err: errors.New("database is away"), want: codes.Unknown},
		"status":          {err: status.Error(codes.Unavailable, "database is away"), want: codes.Unavailable},
		"wrapped status":  {err: fmt.Errorf("user: %w", status.Error(codes.Unavailable, "away")), want: codes.Unavailable},
		"bad metadata":    {accept: realtime.Accept{Metadata: map[string]any{"f": func() {}}}, want: codes.Unknown},
		"bad first event": {accept: realtime.Accept{Events: []realtime.Event{badEvent}}, want: codes.Unknown},
		"bad data":        {err: realtime.Refuse("NO", "no", func() {}), want: codes.Unknown},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			stub := callBackend(t, &realtime.Backend{
				Authenticate: func(context.Context, realtime.AuthRequest) (realtime.Accept, error) {
					return test.accept, test.err
				},
			})
			res, err := stub.Authenticate(t.Context(), &realtimev1.AuthenticateRequest{})
			if status.Code(err) != test.want {
				t.Errorf("reply %v, error %v, want code %v", res, err, test.want)
			}
		})
	}
}

func TestOnConnected(t *testing.T) {
	var got realtime.ConnectedRequest
	stub := callBackend(t, &realtime.Backend{
		OnConnected: func(_ context.Context, req realtime.ConnectedRequest) (realtime.Welcome, error) {
			got = req
			return realtime.Welcome{Rooms: []string{"a"}, Events: []realtime.Event{realtime.NewEvent("history")}}, nil
		},
	})
	res, err := stub.OnConnected(t.Context(), &realtimev1.OnConnectedRequest{
		Context: requestMessage(t), Handshake: handshakeMessage, Recovered: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	want := realtime.ConnectedRequest{RequestContext: request, Handshake: handshake, Recovered: true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	wantProto(t, &realtimev1.OnConnectedResponse{
		Rooms: []string{"a"}, Events: []*realtimev1.Event{{Name: "history"}},
	}, res)
}

func TestOnEvent(t *testing.T) {
	var got realtime.EventRequest
	stub := callBackend(t, &realtime.Backend{
		OnEvent: func(_ context.Context, req realtime.EventRequest) ([]any, error) {
			got = req
			return []any{map[string]bool{"ok": true}, []byte{1}}, nil
		},
	})
	res, err := stub.OnEvent(t.Context(), &realtimev1.OnEventRequest{
		Context:      requestMessage(t),
		Event:        &realtimev1.Event{Name: "message", Args: []*realtimev1.Arg{jsonArg(`{"text":"hi"}`)}},
		AckRequested: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	want := realtime.EventRequest{
		RequestContext: request,
		Event:          realtime.NewEvent("message", json.RawMessage(`{"text":"hi"}`)),
		AckRequested:   true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	wantProto(t, &realtimev1.OnEventResponse{
		Ack: []*realtimev1.Arg{jsonArg(`{"ok":true}`), {Kind: &realtimev1.Arg_Binary{Binary: []byte{1}}}},
	}, res)
}

func TestOnEventWithAnArgumentOfUnknownKind(t *testing.T) {
	stub := callBackend(t, &realtime.Backend{
		OnEvent: func(context.Context, realtime.EventRequest) ([]any, error) {
			t.Error("called")
			return nil, nil
		},
	})
	_, err := stub.OnEvent(t.Context(), &realtimev1.OnEventRequest{
		Event: &realtimev1.Event{Name: "message", Args: []*realtimev1.Arg{{}}},
	})
	if status.Code(err) != codes.InvalidArgument {
		t.Errorf("error %v, want InvalidArgument", err)
	}
}

func TestOnDisconnected(t *testing.T) {
	var got realtime.DisconnectedRequest
	stub := callBackend(t, &realtime.Backend{
		OnDisconnected: func(_ context.Context, req realtime.DisconnectedRequest) error {
			got = req
			return nil
		},
	})
	_, err := stub.OnDisconnected(t.Context(), &realtimev1.OnDisconnectedRequest{
		Context: requestMessage(t), Reason: "server namespace disconnect", Detail: "maintenance",
		Duration: durationpb.New(time.Minute), DisconnectedAt: timestamppb.New(noon),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := realtime.DisconnectedRequest{
		RequestContext: request, Reason: "server namespace disconnect", Detail: "maintenance",
		Duration: time.Minute, DisconnectedAt: noon,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

// everyCall makes each call of a backend once and returns the errors by name.
func everyCall(ctx context.Context, stub realtimev1.RealtimeBackendClient) map[string]error {
	errs := map[string]error{}
	_, errs["Authenticate"] = stub.Authenticate(ctx, &realtimev1.AuthenticateRequest{})
	_, errs["OnConnected"] = stub.OnConnected(ctx, &realtimev1.OnConnectedRequest{})
	_, errs["OnEvent"] = stub.OnEvent(ctx, &realtimev1.OnEventRequest{})
	_, errs["OnDisconnected"] = stub.OnDisconnected(ctx, &realtimev1.OnDisconnectedRequest{})
	return errs
}

func TestMissingFunctionsAreUnimplemented(t *testing.T) {
	for call, err := range everyCall(t.Context(), callBackend(t, &realtime.Backend{})) {
		if status.Code(err) != codes.Unimplemented {
			t.Errorf("%s: error %v, want Unimplemented", call, err)
		}
	}
}

func TestPanicsAreInternal(t *testing.T) {
	var log bytes.Buffer
	stub := callBackend(t, &realtime.Backend{
		Authenticate:   func(context.Context, realtime.AuthRequest) (realtime.Accept, error) { panic("private text") },
		OnConnected:    func(context.Context, realtime.ConnectedRequest) (realtime.Welcome, error) { panic("private text") },
		OnEvent:        func(context.Context, realtime.EventRequest) ([]any, error) { panic("private text") },
		OnDisconnected: func(context.Context, realtime.DisconnectedRequest) error { panic("private text") },
		Log:            slog.New(slog.NewTextHandler(&log, nil)),
	})
	for call, err := range everyCall(t.Context(), stub) {
		if status.Code(err) != codes.Internal || strings.Contains(err.Error(), "private") {
			t.Errorf("%s: error %v, want Internal without the panic's text", call, err)
		}
		if !strings.Contains(log.String(), `call=`+call+` panic="private text" stack=`) {
			t.Errorf("%s: not in the log", call)
		}
	}
}

func TestToken(t *testing.T) {
	tests := map[string]string{
		`{"token":"secret"}`: "secret",
		`{}`:                 "",
		`{"token":1}`:        "",
		`null`:               "",
		`["token"]`:          "",
		``:                   "",
	}
	for auth, want := range tests {
		if got := (realtime.Claims{Auth: json.RawMessage(auth)}).Token(); got != want {
			t.Errorf("token of %s is %q, want %q", auth, got, want)
		}
	}
}
