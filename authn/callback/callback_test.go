package callback_test

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/seed52a35d2d/realtime-server/authn"
	"github.com/seed52a35d2d/realtime-server/authn/callback"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/internal/backend"
	"github.com/seed52a35d2d/realtime-server/internal/backend/backendtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// asking returns an authenticator that asks the backend at target.
func asking(t *testing.T, target string) *callback.Authenticator {
	t.Helper()
	cfg := backend.DefaultConfig()
	cfg.Target, cfg.Timeout = target, 500*time.Millisecond
	client, err := backend.New("test", cfg, backend.Node{ID: "node-1"},
		slog.New(slog.DiscardHandler), backend.NewMetrics(prometheus.NewRegistry()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return callback.New(client, 2)
}

// replying returns an authenticator whose backend always gives one answer.
func replying(t *testing.T, reply *realtimev1.AuthenticateResponse, err error) *callback.Authenticator {
	t.Helper()
	return asking(t, backendtest.Serve(t, &backendtest.Stub{
		AuthenticateFunc: func(context.Context, *realtimev1.AuthenticateRequest) (*realtimev1.AuthenticateResponse, error) {
			return reply, err
		},
	}))
}

func accept(a *realtimev1.Accept) *realtimev1.AuthenticateResponse {
	return &realtimev1.AuthenticateResponse{Result: &realtimev1.AuthenticateResponse_Accept{Accept: a}}
}

func refuse(r *realtimev1.Refuse) *realtimev1.AuthenticateResponse {
	return &realtimev1.AuthenticateResponse{Result: &realtimev1.AuthenticateResponse_Refuse{Refuse: r}}
}

// refusal returns what a client is told that knocks at a.
func refusal(t *testing.T, a *callback.Authenticator) *authn.Refusal {
	t.Helper()
	identity, err := a.Authenticate(t.Context(), authn.Handshake{})
	var r *authn.Refusal
	if !errors.As(err, &r) {
		t.Fatalf("got %+v, %v", identity, err)
	}
	return r
}

func TestBackendSeesWhoKnocks(t *testing.T) {
	var got *realtimev1.AuthenticateRequest
	a := asking(t, backendtest.Serve(t, &backendtest.Stub{
		AuthenticateFunc: func(
			_ context.Context, req *realtimev1.AuthenticateRequest,
		) (*realtimev1.AuthenticateResponse, error) {
			got = req
			return accept(&realtimev1.Accept{}), nil
		},
	}))
	_, err := a.Authenticate(t.Context(), authn.Handshake{
		ConnectionID: "c1", Namespace: "/chat",
		Cause:    authn.CauseEvent,
		Payload:  []authn.Arg{{JSON: []byte(`{"a":1}`)}, {Binary: []byte("b")}},
		Claims:   authn.Claims{Auth: []byte(`{"token":"t"}`)},
		Observed: authn.Observed{RemoteAddress: "192.0.2.1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	on, h := got.GetContext(), got.GetHandshake()
	if on.GetMetadata() != nil || on.GetConnectionId() != "c1" || on.GetNamespace() != "/chat" || on.GetNodeId() != "node-1" ||
		got.GetCause() != realtimev1.AuthenticateCause_AUTHENTICATE_CAUSE_EVENT || len(got.GetPayload()) != 2 ||
		got.GetPayload()[0].GetJson() != `{"a":1}` || string(got.GetPayload()[1].GetBinary()) != "b" ||
		h.GetClaims().GetAuthJson() != `{"token":"t"}` || h.GetObserved().GetRemoteAddress() != "192.0.2.1" {
		t.Errorf("request %v", got)
	}
}

func TestBackendSeesWhoRefreshes(t *testing.T) {
	asked := make(chan *realtimev1.AuthenticateRequest, 1)
	a := asking(t, backendtest.Serve(t, &backendtest.Stub{
		AuthenticateFunc: func(_ context.Context, req *realtimev1.AuthenticateRequest) (*realtimev1.AuthenticateResponse, error) {
			asked <- req
			return accept(&realtimev1.Accept{UserId: "ada", TokenId: "t-2"}), nil
		},
	}))
	before := time.Now()
	identity, err := a.Authenticate(t.Context(), authn.Handshake{
		Cause:    authn.CauseRefresh,
		Payload:  []authn.Arg{{JSON: []byte(`{"b":1, "a":2}`)}, {Binary: []byte{0xff}}},
		Resident: authn.Resident{User: "ada", Metadata: []byte(`{"role":"admin"}`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if identity.TokenID != "t-2" || identity.IssuedAt.Before(before) || identity.IssuedAt.After(time.Now()) {
		t.Errorf("token %q of %v", identity.TokenID, identity.IssuedAt)
	}
	got := <-asked
	on, payload := got.GetContext(), got.GetPayload()
	if got.GetCause() != realtimev1.AuthenticateCause_AUTHENTICATE_CAUSE_REFRESH || on.GetUserId() != "ada" ||
		on.GetMetadata().GetFields()["role"].GetStringValue() != "admin" ||
		len(payload) != 2 || payload[0].GetJson() != `{"b":1, "a":2}` || string(payload[1].GetBinary()) != "\xff" {
		t.Errorf("request %v", got)
	}
}

func TestAccept(t *testing.T) {
	metadata, err := structpb.NewStruct(map[string]any{"role": "admin"})
	if err != nil {
		t.Fatal(err)
	}
	expires := time.Now().Add(time.Hour)
	identity, err := replying(t, accept(&realtimev1.Accept{
		UserId: "ada", Rooms: []string{"a", "b"}, Metadata: metadata, ExpiresAt: timestamppb.New(expires), TokenId: "t1",
		Events: []*realtimev1.Event{{
			Name:         "hello",
			Args:         []*realtimev1.Arg{{Kind: &realtimev1.Arg_Json{Json: "1"}}},
			ExpiresAfter: durationpb.New(time.Minute),
		}},
	}), nil).Authenticate(t.Context(), authn.Handshake{})
	if err != nil {
		t.Fatal(err)
	}
	if identity.User != "ada" || len(identity.Rooms) != 2 || !identity.ExpiresAt.Equal(expires) ||
		identity.TokenID != "t1" ||
		!strings.Contains(string(identity.Metadata), "admin") {
		t.Errorf("%+v", identity)
	}
	if e := identity.Events; len(e) != 1 || e[0].Name != "hello" || string(e[0].Args[0].JSON) != "1" || e[0].Expires.IsZero() {
		t.Errorf("events %+v", e)
	}
}

func TestRefuse(t *testing.T) {
	r := refusal(t, replying(t, refuse(&realtimev1.Refuse{
		Code: "TOKEN_EXPIRED", Message: "Sign in again", Data: structpb.NewBoolValue(false),
	}), nil))
	if r.Code != "TOKEN_EXPIRED" || r.Message != "Sign in again" || string(r.Data) != "false" || r.Temporary {
		t.Errorf("%+v", r)
	}
	r = refusal(t, replying(t, refuse(&realtimev1.Refuse{}), nil))
	if r.Code != "REFUSED" || r.Message != "Connection refused" || r.Data != nil || r.Temporary {
		t.Errorf("%+v", r)
	}
}

func TestNonsenseKeepsOut(t *testing.T) {
	nan := structpb.NewNumberValue(math.NaN())
	event := func(e *realtimev1.Event) *realtimev1.AuthenticateResponse {
		return accept(&realtimev1.Accept{Events: []*realtimev1.Event{e}})
	}
	for name, reply := range map[string]*realtimev1.AuthenticateResponse{
		"no result":      {},
		"too many rooms": accept(&realtimev1.Accept{Rooms: []string{"a", "b", "c"}}),
		"empty room":     accept(&realtimev1.Accept{Rooms: []string{""}}),
		"NUL in user":    accept(&realtimev1.Accept{UserId: "\x00"}),
		"expired":        accept(&realtimev1.Accept{ExpiresAt: timestamppb.New(time.Unix(0, 0))}),
		"no time":        accept(&realtimev1.Accept{ExpiresAt: &timestamppb.Timestamp{Nanos: -1}}),
		"NaN metadata":   accept(&realtimev1.Accept{Metadata: &structpb.Struct{Fields: map[string]*structpb.Value{"a": nan}}}),
		"NaN event":      event(&realtimev1.Event{Args: []*realtimev1.Arg{{Kind: &realtimev1.Arg_Value{Value: nan}}}}),
		"unset argument": event(&realtimev1.Event{Args: []*realtimev1.Arg{{}}}),
		"stale event":    event(&realtimev1.Event{ExpiresAfter: durationpb.New(-1)}),
		"NaN refusal":    refuse(&realtimev1.Refuse{Data: nan}),
	} {
		t.Run(name, func(t *testing.T) {
			if r := refusal(t, replying(t, reply, nil)); r.Code != "BACKEND_INVALID_REPLY" || !r.Temporary || r.Cause == nil {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestBrokenBackendKeepsOut(t *testing.T) {
	for name, a := range map[string]*callback.Authenticator{
		"down":          asking(t, backendtest.Down(t)),
		"black hole":    asking(t, backendtest.BlackHole(t)),
		"not gRPC":      asking(t, backendtest.NotGRPC(t)),
		"unimplemented": asking(t, backendtest.Serve(t, &backendtest.Stub{})),
		"fails":         replying(t, nil, status.Error(codes.Internal, "s3cret")),
		"refuses badly": replying(t, nil, status.Error(codes.PermissionDenied, "s3cret")),
	} {
		t.Run(name, func(t *testing.T) {
			r := refusal(t, a)
			if r.Code != "BACKEND_UNAVAILABLE" || !r.Temporary || strings.Contains(r.Message, "s3cret") {
				t.Errorf("%+v", r)
			}
			var cause *backend.Error
			if !errors.As(r, &cause) || cause.Method != "Authenticate" {
				t.Errorf("cause %v", r.Cause)
			}
		})
	}
}
