package service_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	gojwt "github.com/golang-jwt/jwt/v5"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/internal/backend/backendtest"
	"github.com/seed52a35d2d/realtime-server/service"
)

// refreshing lets clients refresh as often as they like.
func refreshing(p service.Policy) service.Policy {
	p.Refresh = service.Refresh{Event: "refresh", MinInterval: time.Nanosecond}
	return p
}

// wantExpiry reads the acknowledgement of a refresh.
func wantExpiry(t *testing.T, ack string, want time.Time) {
	t.Helper()
	var told []struct {
		ExpiresAt time.Time `json:"expires_at"`
	}
	if err := json.Unmarshal([]byte(ack), &told); err != nil || len(told) != 1 || !told[0].ExpiresAt.Equal(want.Truncate(time.Millisecond)) {
		t.Errorf("got %s (%v), want %v", ack, err, want)
	}
}

func connectionOf(t *testing.T, w *world, id string) *realtimev1.Connection {
	t.Helper()
	resp, err := w.api.GetConnection(t.Context(), &realtimev1.GetConnectionRequest{ConnectionId: id})
	if err != nil {
		t.Fatal(err)
	}
	return resp.GetConnection()
}

func TestRefreshByToken(t *testing.T) {
	w := newWorld(t, refreshing(believing(t)))
	b, id := join(t, w.door, bearing(tokenOf(t, "ada", "first", gojwt.MapClaims{"rooms": "a"})))
	end := time.Now().Add(2 * time.Hour).Truncate(time.Second)
	second := tokenOf(t, "ada", "second", gojwt.MapClaims{"exp": end.Unix(), "rooms": "b"})
	wantExpiry(t, b.ask(`"refresh",`+bearing(second)), end)
	c := connectionOf(t, w, id)
	if c.GetTokenId() != "second" || !c.GetExpiresAt().AsTime().Equal(end) || strings.Join(c.GetRooms(), ",") != "a,b" {
		t.Errorf("the connection is %v", c)
	}

	for payload, code := range map[string]string{
		"":                 "TOKEN_MISSING",
		`1`:                "TOKEN_MISSING",
		`"` + second + `"`: "TOKEN_MISSING",
		bearing("x"):       "TOKEN_INVALID",
		bearing(tokenOf(t, "ada", "t", gojwt.MapClaims{"exp": 1})):                                                   "TOKEN_EXPIRED",
		bearing(tokenOf(t, "bob", "t", nil)):                                                                         "REFRESH_OTHER_USER",
		bearing(tokenOf(t, "ada", "t", gojwt.MapClaims{"rooms": strings.Split("cdefg", "")})):                        "TOKEN_CLAIMS_INVALID",
		bearing(tokenOf(t, "ada", "t", gojwt.MapClaims{"rooms": strings.Split("cde", ""), "exp": end.Unix() + 100})): "TOO_MANY_ROOMS",
	} {
		b.wantError(strings.TrimSuffix(`"refresh",`+payload, ","), code, false)
	}
	w.revokeToken(t, &realtimev1.RevokeTokenRequest{TokenId: "first"}) // which nobody holds any more
	w.revokeToken(t, &realtimev1.RevokeTokenRequest{TokenId: "third"})
	b.wantError(`"refresh",`+bearing(tokenOf(t, "ada", "third", nil)), "CREDENTIAL_REVOKED", false)
	if c := connectionOf(t, w, id); c.GetTokenId() != "second" || !c.GetExpiresAt().AsTime().Equal(end) {
		t.Errorf("the connection is %v", c)
	}
	for _, outcome := range []struct {
		name string
		n    float64
	}{{"OK", 1}, {"REFUSED", 7}, {"REFRESH_OTHER_USER", 1}, {"TOO_MANY_ROOMS", 1}} {
		if n := w.counter(t, "realtime_gateway_refreshes_total", "/", outcome.name); n != outcome.n {
			t.Errorf("%s: %v were counted, want %v", outcome.name, n, outcome.n)
		}
	}
	if resp := w.revokeToken(t, &realtimev1.RevokeTokenRequest{TokenId: "second"}); resp.GetMatched() != 1 {
		t.Errorf("got %v", resp)
	}
	b.want("41")
}

// TestRefreshByBackend: it is asked with what it knows of the client, and its
// answer is that of the connection from then on.
func TestRefreshByBackend(t *testing.T) {
	end := time.Now().Add(time.Hour)
	metadata := func(n float64) *structpb.Struct {
		return &structpb.Struct{Fields: map[string]*structpb.Value{"n": structpb.NewNumberValue(n)}}
	}
	asked := make(chan *realtimev1.AuthenticateRequest, 2)
	events := make(chan *realtimev1.RequestContext, 1)
	w := newWorld(t, refreshing(asking(t, &backendtest.Stub{
		AuthenticateFunc: func(ctx context.Context, req *realtimev1.AuthenticateRequest) (*realtimev1.AuthenticateResponse, error) {
			asked <- req
			accept := &realtimev1.Accept{UserId: "ada", Metadata: metadata(1), ExpiresAt: timestamppb.New(end)}
			if req.GetCause() == realtimev1.AuthenticateCause_AUTHENTICATE_CAUSE_REFRESH {
				accept.Metadata, accept.ExpiresAt, accept.Events = metadata(2), nil, event("renewed")
			}
			return accepting(accept)(ctx, req)
		},
		EventFunc: func(_ context.Context, req *realtimev1.OnEventRequest) (*realtimev1.OnEventResponse, error) {
			events <- req.GetContext()
			return &realtimev1.OnEventResponse{}, nil
		},
	})))
	b, id := join(t, w.door, `{"token":"old"}`)
	<-asked
	b.send(`427["refresh",{"token":"new"},"more"]`)
	b.want(`42["renewed"]`)
	b.want(`437[{"expires_at":null}]`)
	req := <-asked
	on := req.GetContext()
	if on.GetConnectionId() != id || on.GetUserId() != "ada" || on.GetMetadata().GetFields()["n"].GetNumberValue() != 1 ||
		req.GetHandshake().GetClaims().GetAuthJson() != `{"token":"new"}` || len(req.GetPayload()) != 2 || req.GetPayload()[1].GetJson() != `"more"` {
		t.Errorf("asked %v", req)
	}
	b.ask(`"e"`)
	if on := <-events; on.GetMetadata().GetFields()["n"].GetNumberValue() != 2 {
		t.Errorf("context %v", on)
	}
	if c := connectionOf(t, w, id); c.GetExpiresAt() != nil || c.GetMetadata().GetFields()["n"].GetNumberValue() != 2 {
		t.Errorf("connection %v", c)
	}
}

// TestBackendAwayAtRefresh: who is in stays in, and may try again.
func TestBackendAwayAtRefresh(t *testing.T) {
	var away atomic.Bool
	end := time.Now().Add(time.Hour)
	w := newWorld(t, refreshing(asking(t, &backendtest.Stub{
		AuthenticateFunc: func(ctx context.Context, req *realtimev1.AuthenticateRequest) (*realtimev1.AuthenticateResponse, error) {
			if away.Load() {
				return nil, status.Error(codes.Unavailable, "away")
			}
			return accepting(&realtimev1.Accept{UserId: "ada", ExpiresAt: timestamppb.New(end)})(ctx, req)
		},
	})))
	b, id := join(t, w.door, "")
	away.Store(true)
	for range 3 {
		b.wantError(`"refresh",{}`, "BACKEND_UNAVAILABLE", true)
	}
	if c := connectionOf(t, w, id); !c.GetExpiresAt().AsTime().Equal(end) {
		t.Errorf("connection %v", c)
	}
	away.Store(false)
	wantExpiry(t, b.ask(`"refresh",{}`), end)
}

func TestRefreshTooOften(t *testing.T) {
	policy := refreshing(believing(t))
	policy.Refresh.MinInterval = time.Hour
	w := newWorld(t, policy)
	b, _ := join(t, w.door, bearing(tokenOf(t, "ada", "", nil)))
	b.wantError(`"refresh",{}`, "TOKEN_MISSING", false)
	b.wantError(`"refresh",`+bearing(tokenOf(t, "ada", "", nil)), "REFRESH_TOO_OFTEN", true)
}

// TestRevokedDuringRefresh: a credential that is revoked while a backend looks at
// it does not become that of the connection.
func TestRevokedDuringRefresh(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan struct{})
	w := newWorld(t, refreshing(asking(t, &backendtest.Stub{
		AuthenticateFunc: func(ctx context.Context, req *realtimev1.AuthenticateRequest) (*realtimev1.AuthenticateResponse, error) {
			if req.GetCause() != realtimev1.AuthenticateCause_AUTHENTICATE_CAUSE_REFRESH {
				return accepting(&realtimev1.Accept{UserId: "ada", TokenId: "first"})(ctx, req)
			}
			asked <- struct{}{}
			<-answer
			return accepting(&realtimev1.Accept{UserId: "ada", TokenId: "second"})(ctx, req)
		},
	})))
	b, id := join(t, w.door, "")
	b.send(`427["refresh",{}]`)
	<-asked
	w.revokeToken(t, &realtimev1.RevokeTokenRequest{TokenId: "second"})
	answer <- struct{}{}
	if ack := b.want("437"); !strings.Contains(ack, "CREDENTIAL_REVOKED") {
		t.Errorf("got %s", ack)
	}
	if c := connectionOf(t, w, id); c.GetTokenId() != "first" {
		t.Errorf("connection %v", c)
	}
}

// TestNoRefreshUnlessConfigured: an application may have an event of that name.
func TestNoRefreshUnlessConfigured(t *testing.T) {
	w := newWorld(t, dev(t))
	b, _ := join(t, w.door, "")
	b.wantError(`"refresh"`, "NO_BACKEND", false)
}

func TestRefreshAndExpiryFaults(t *testing.T) {
	for _, test := range []struct {
		part interface{ Validate() error }
		want string
	}{
		{service.Refresh{Event: "connect", MinInterval: -1}, "event: name is reserved by the protocol\nmin_interval: -1ns is negative"},
		{service.Expiry{Event: "disconnect", Grace: -1, Warn: -2}, "grace: -1ns is negative\nwarn: -2ns is negative\nevent: name is reserved by the protocol"},
		{service.RevocationConfig{}, "ttl: 0s is not a positive time\nmax: 0 is not positive"},
	} {
		if err := test.part.Validate(); err == nil || err.Error() != test.want {
			t.Errorf("%+v: got %v, want %s", test.part, err, test.want)
		}
	}
}
