package service_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	gojwt "github.com/golang-jwt/jwt/v5"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/seed52a35d2d/realtime-server/authn"
	"github.com/seed52a35d2d/realtime-server/authn/jwt"
	clusterv1 "github.com/seed52a35d2d/realtime-server/gen/realtime/cluster/v1"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/internal/backend/backendtest"
	"github.com/seed52a35d2d/realtime-server/internal/revoked"
	"github.com/seed52a35d2d/realtime-server/service"
	"github.com/seed52a35d2d/realtime-server/sio"
)

const tokenSecret = "0123456789abcdef0123456789abcdef"

// believing is the policy that believes tokens of tokenOf.
func believing(t *testing.T) service.Policy {
	t.Helper()
	return service.Policy{Authenticator: checkingTokens(t, jwt.Config{
		Keys: []jwt.Key{{Secret: tokenSecret}}, Claims: jwt.Claims{Rooms: "rooms"},
	})}
}

// tokenOf is a token of a user, which was issued an hour ago and ends in an hour,
// unless more claims say otherwise. Without an id it has no name.
func tokenOf(t *testing.T, user, id string, more gojwt.MapClaims) string {
	t.Helper()
	claims := gojwt.MapClaims{"sub": user, "iat": time.Now().Add(-time.Hour).Unix(), "exp": time.Now().Add(time.Hour).Unix()}
	if id != "" {
		claims["jti"] = id
	}
	maps.Copy(claims, more)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	signed, err := gojwt.NewWithClaims(gojwt.SigningMethodHS256, claims).SignedString([]byte(tokenSecret))
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func bearing(token string) string { return `{"token":"` + token + `"}` }

// fresh are the claims of a token that is issued after all that was revoked.
func fresh() gojwt.MapClaims { return gojwt.MapClaims{"iat": time.Now().Add(time.Minute).Unix()} }

// wantKeptOut connects and wants to be refused with a code.
func wantKeptOut(t *testing.T, w *world, namespace, auth, code string) {
	t.Helper()
	b := open(t, w.door, "", nil)
	b.send("40" + namespace + auth)
	if text := b.want("44" + namespace); !strings.Contains(text, `"code":"`+code+`"`) {
		t.Errorf("got %s, want %s", text, code)
	}
}

func (w *world) revokeUser(t *testing.T, req *realtimev1.RevokeUserRequest) *realtimev1.RevokeUserResponse {
	t.Helper()
	resp, err := w.api.RevokeUser(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

func (w *world) revokeToken(t *testing.T, req *realtimev1.RevokeTokenRequest) *realtimev1.RevokeTokenResponse {
	t.Helper()
	resp, err := w.api.RevokeToken(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

func TestRevokedUser(t *testing.T) {
	w := newWorld(t, believing(t))
	old := bearing(tokenOf(t, "ada", "t-1", nil))
	b, id := join(t, w.door, old)
	other, _ := join(t, w.door, bearing(tokenOf(t, "bob", "t-2", nil)))
	connection, err := w.api.GetConnection(t.Context(), &realtimev1.GetConnectionRequest{ConnectionId: id})
	if err != nil || connection.GetConnection().GetTokenId() != "t-1" {
		t.Errorf("%v, %v", connection, err)
	}
	resp := w.revokeUser(t, &realtimev1.RevokeUserRequest{
		UserId: "ada", Reason: "password changed", LastEvent: event("logged-out")[0],
	})
	if left := time.Until(resp.GetUntil().AsTime()); resp.GetMatched() != 1 || left < 23*time.Hour || left > 24*time.Hour {
		t.Errorf("got %v", resp)
	}
	b.want(`42["logged-out"]`)
	b.want("41")
	wantKeptOut(t, w, "", old, "CREDENTIAL_REVOKED")
	wantKeptOut(t, w, "", bearing(tokenOf(t, "ada", "", gojwt.MapClaims{"iat": nil})), "CREDENTIAL_REVOKED")
	join(t, w.door, bearing(tokenOf(t, "ada", "t-3", fresh())))
	if ack := other.ask(`"e"`); !strings.Contains(ack, "NO_BACKEND") {
		t.Errorf("bob is gone: %s", ack)
	}
	if n := w.counter(t, "realtime_revocations_total", "user", "call"); n != 1 {
		t.Errorf("%v revocations were counted", n)
	}
	if n := w.counter(t, "realtime_revocations_refused_total"); n != 2 {
		t.Errorf("%v were refused", n)
	}
	if n := w.counter(t, "realtime_gateway_authentications_total", "/", "refused"); n != 2 {
		t.Errorf("%v were counted as refused", n)
	}
	if w.log.Count("credentials revoked") != 1 || w.log.Count("t-1") > 0 {
		t.Error("the log does not say it once, or says too much")
	}
}

func TestRevokedToken(t *testing.T) {
	w := newWorld(t, believing(t))
	phone, laptop := bearing(tokenOf(t, "ada", "phone", nil)), bearing(tokenOf(t, "ada", "laptop", nil))
	b, _ := join(t, w.door, phone)
	c, _ := join(t, w.door, laptop)
	end := time.Now().Add(time.Hour)
	resp := w.revokeToken(t, &realtimev1.RevokeTokenRequest{
		TokenId: "phone", Until: timestamppb.New(end), AllowReconnect: true,
	})
	if resp.GetMatched() != 1 || !resp.GetUntil().AsTime().Equal(end) {
		t.Errorf("got %v", resp)
	}
	b.wantEnd()
	wantKeptOut(t, w, "", phone, "CREDENTIAL_REVOKED")
	join(t, w.door, laptop)
	c.ask(`"e"`)
	if again := w.revokeToken(t, &realtimev1.RevokeTokenRequest{TokenId: "phone"}); again.GetMatched() != 0 {
		t.Errorf("got %v", again)
	}
}

func TestRevokedInOneNamespaceOrAll(t *testing.T) {
	w := newWorld(t, believing(t))
	token := bearing(tokenOf(t, "ada", "t", nil))
	team := open(t, w.door, "", nil)
	team.send("40/team-a," + token)
	team.want("40/team-a,")
	here, _ := join(t, w.door, token)
	if resp := w.revokeUser(t, &realtimev1.RevokeUserRequest{UserId: "ada"}); resp.GetMatched() != 1 {
		t.Errorf("got %v", resp)
	}
	here.want("41")
	if resp := w.revokeUser(t, &realtimev1.RevokeUserRequest{UserId: "ada", AllNamespaces: true}); resp.GetMatched() != 1 {
		t.Errorf("got %v", resp)
	}
	team.want("41/team-a,")
	wantKeptOut(t, w, "/team-b,", token, "CREDENTIAL_REVOKED")
}

func TestUnsoundRevocations(t *testing.T) {
	w := newWorld(t, dev(t))
	past, long := timestamppb.New(time.Now().Add(-time.Second)), strings.Repeat("x", 257)
	for _, test := range []struct {
		req  *realtimev1.RevokeUserRequest
		want []string
	}{
		{&realtimev1.RevokeUserRequest{}, []string{"user_id: must not be empty"}},
		{&realtimev1.RevokeUserRequest{AllNamespaces: true}, []string{"user_id: must not be empty"}},
		{
			&realtimev1.RevokeUserRequest{UserId: "a", Namespace: "/", AllNamespaces: true, Until: past, Reason: long, LastEvent: event("connect")[0]},
			[]string{
				"namespace: must be empty, since all_namespaces is set", "until: must be in the future",
				"reason: is longer than 256 bytes", "last_event.name: is reserved by the protocol",
			},
		},
		{&realtimev1.RevokeUserRequest{UserId: "a", Until: &timestamppb.Timestamp{Nanos: -1}}, []string{"until: must be in the future"}},
	} {
		_, err := w.api.RevokeUser(t.Context(), test.req)
		if got := fields(err); !slices.Equal(got, test.want) {
			t.Errorf("%v: got %q, want %q", test.req, got, test.want)
		}
	}
	_, err := w.api.RevokeToken(t.Context(), &realtimev1.RevokeTokenRequest{})
	if got := fields(err); !slices.Equal(got, []string{"token_id: must not be empty"}) {
		t.Errorf("got %q", got)
	}
	_, err = w.api.RevokeToken(t.Context(), &realtimev1.RevokeTokenRequest{TokenId: "t", Namespace: "/nowhere"})
	if r := reason(err); r != "NAMESPACE_NOT_FOUND" {
		t.Errorf("got %s", r)
	}
}

// TestRevokedMeanwhile: a backend that accepts a credential, slowly, has said so
// before it was revoked.
func TestRevokedMeanwhile(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan struct{})
	w := newWorld(t, asking(t, &backendtest.Stub{
		AuthenticateFunc: func(ctx context.Context, req *realtimev1.AuthenticateRequest) (*realtimev1.AuthenticateResponse, error) {
			asked <- struct{}{}
			<-answer
			return accepting(&realtimev1.Accept{UserId: "ada", TokenId: "t"})(ctx, req)
		},
	}))
	for _, revoke := range []func(){
		func() { w.revokeUser(t, &realtimev1.RevokeUserRequest{UserId: "ada"}) },
		func() { w.revokeToken(t, &realtimev1.RevokeTokenRequest{TokenId: "t"}) },
	} {
		b := open(t, w.door, "", nil)
		b.send("40")
		<-asked
		revoke()
		answer <- struct{}{}
		if text := b.want("44"); !strings.Contains(text, "CREDENTIAL_REVOKED") {
			t.Errorf("got %s", text)
		}
	}
}

// TestBackendDecidesAnew: it is asked after the user was revoked, and knows what
// it does.
func TestBackendDecidesAnew(t *testing.T) {
	w := newWorld(t, asking(t, &backendtest.Stub{AuthenticateFunc: accepting(&realtimev1.Accept{UserId: "ada"})}))
	b, _ := join(t, w.door, "")
	w.revokeUser(t, &realtimev1.RevokeUserRequest{UserId: "ada"})
	b.want("41")
	join(t, w.door, "")
}

// TestStaleDecision: whoever answers from a memory says how old that is, and is
// told to forget.
func TestStaleDecision(t *testing.T) {
	begun := time.Now()
	w := newWorld(t, service.Policy{Authenticator: authenticator(func(context.Context, authn.Handshake) (authn.Identity, error) {
		return authn.Identity{User: "ada", TokenID: "t", IssuedAt: begun}, nil
	})})
	var forgotten forgetful
	w.revocations.AddForgetter(&forgotten)
	join(t, w.door, "")
	w.revokeUser(t, &realtimev1.RevokeUserRequest{UserId: "ada"})
	wantKeptOut(t, w, "", "", "CREDENTIAL_REVOKED")
	w.revokeToken(t, &realtimev1.RevokeTokenRequest{TokenId: "t"})
	if !slices.Equal(forgotten, []string{"ada,", ",t"}) {
		t.Errorf("forgotten: %q", forgotten)
	}
}

type forgetful []string

func (f *forgetful) Forget(user, tokenID string) { *f = append(*f, user+","+tokenID) }

func TestTooManyRevocations(t *testing.T) {
	w := newWorld(t, believing(t))
	for n := range maxRevocations {
		w.revokeToken(t, &realtimev1.RevokeTokenRequest{TokenId: fmt.Sprint(n)})
	}
	b, _ := join(t, w.door, bearing(tokenOf(t, "ada", "t", nil)))
	_, err := w.api.RevokeToken(t.Context(), &realtimev1.RevokeTokenRequest{TokenId: "t"})
	if r := reason(err); r != "TOO_MANY_REVOCATIONS" {
		t.Errorf("got %s: %v", r, err)
	}
	b.ask(`"e"`) // it is still there
	// What another node has accepted counts: that which ends first goes.
	told := &clusterv1.Revocation{
		Namespace: "/", Of: &clusterv1.Revocation_TokenId{TokenId: "t"},
		At: timestamppb.Now(), Until: timestamppb.New(time.Now().Add(time.Hour)),
	}
	reply, _ := w.service.Do(&clusterv1.Call{Request: &clusterv1.Call_Revoke{Revoke: &clusterv1.Revoke{Revocation: told}}})
	if n := reply.GetDisconnect().GetMatched(); n != 1 {
		t.Errorf("%d have ended", n)
	}
	b.want("41")
	if n := w.counter(t, "realtime_revocations_dropped_total"); n != 1 {
		t.Errorf("%v were dropped", n)
	}
}

// memoryStore is a store that other nodes have written to.
type memoryStore struct {
	heard chan struct{}
	added chan revoked.Entry
	fails atomic.Bool
}

func (m *memoryStore) Add(_ context.Context, e revoked.Entry) error {
	if m.fails.Load() {
		return io.ErrUnexpectedEOF
	}
	m.added <- e
	return nil
}

func (m *memoryStore) Heard() <-chan struct{} { return m.heard }

// TestWhatOthersHaveRevoked: a node that has just begun waits for it, and ends what
// came in since. What it was told already is no news.
func TestWhatOthersHaveRevoked(t *testing.T) {
	w := newWorld(t, believing(t))
	store := &memoryStore{heard: make(chan struct{}), added: make(chan revoked.Entry, 1)}
	w.revocations.SetStore(store)
	entry := func(r *clusterv1.Revocation) []byte {
		r.Until = timestamppb.New(time.Now().Add(time.Hour))
		data, err := proto.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	old := bearing(tokenOf(t, "ada", "t", nil))
	early := open(t, w.door, "", nil)
	early.send("40" + old)
	user := entry(&clusterv1.Revocation{Of: &clusterv1.Revocation_UserId{UserId: "ada"}, At: timestamppb.Now()})
	w.revocations.Hear([][]byte{user, []byte("no message"), entry(&clusterv1.Revocation{})})
	close(store.heard)
	early.want("44")
	newer, _ := join(t, w.door, bearing(tokenOf(t, "ada", "newer", fresh())))
	w.revocations.Hear([][]byte{user})
	newer.ask(`"e"`) // is not concerned
	w.revocations.Hear([][]byte{entry(&clusterv1.Revocation{Namespace: "/", Of: &clusterv1.Revocation_TokenId{TokenId: "newer"}})})
	newer.want("41")
	if all := w.revocations.All(); len(all) != 2 {
		t.Errorf("%d are known", len(all))
	}
	if n := w.counter(t, "realtime_revocations_total", "user", "store"); n != 1 {
		t.Errorf("%v were counted", n)
	}

	w.revokeUser(t, &realtimev1.RevokeUserRequest{UserId: "bob"})
	if e := <-store.added; time.Until(e.Until) < 23*time.Hour {
		t.Errorf("it is over in %v", time.Until(e.Until))
	}
	store.fails.Store(true)
	_, err := w.api.RevokeUser(t.Context(), &realtimev1.RevokeUserRequest{UserId: "eve"})
	if r := reason(err); r != "CLUSTER_UNAVAILABLE" {
		t.Errorf("got %s", r)
	}
	wantKeptOut(t, w, "", bearing(tokenOf(t, "eve", "", nil)), "CREDENTIAL_REVOKED") // here it is
}

func TestRevokeWithoutTheOthers(t *testing.T) {
	w := newWorld(t, believing(t))
	w.lose(t)
	b, _ := join(t, w.door, bearing(tokenOf(t, "ada", "t", nil)))
	_, err := w.api.RevokeToken(t.Context(), &realtimev1.RevokeTokenRequest{TokenId: "t"})
	if r := reason(err); r != "CLUSTER_UNAVAILABLE" {
		t.Errorf("got %s: %v", r, err)
	}
	b.want("41")
}

func TestNoRevocationsWhileDraining(t *testing.T) {
	w := newWorld(t, dev(t))
	w.service.Drain()
	for _, req := range []*realtimev1.RevokeUserRequest{{UserId: "a"}, {UserId: "a", AllNamespaces: true}} {
		if _, err := w.api.RevokeUser(t.Context(), req); reason(err) != "DRAINING" {
			t.Errorf("%v: %v", req, err)
		}
	}
}

// TestRevokedWhileAway: nobody gets back what was revoked, and who has a newer
// credential is a new connection.
func TestRevokedWhileAway(t *testing.T) {
	for _, kind := range []string{"user", "token"} {
		t.Run(kind, func(t *testing.T) {
			ended := make(chan string, 9)
			policy := believing(t)
			policy.Backend = calling(t, backendtest.Serve(t, &backendtest.Stub{
				DisconnectedFunc: func(_ context.Context, req *realtimev1.OnDisconnectedRequest) (*realtimev1.OnDisconnectedResponse, error) {
					ended <- req.GetContext().GetConnectionId()
					return &realtimev1.OnDisconnectedResponse{}, nil
				},
			}), patience)
			w := newWorld(t, policy, func(cfg *sio.Config) { cfg.Recovery.Enabled = true })
			token, newer := tokenOf(t, "ada", "t", nil), tokenOf(t, "ada", "u", fresh())
			lost := func(auth string) (sid, pid string) {
				t.Helper()
				b := open(t, w.door, "", nil)
				b.send("40" + auth)
				var told struct{ SID, PID string }
				if err := json.Unmarshal([]byte(strings.TrimPrefix(b.want("40{"), "40")), &told); err != nil {
					t.Fatal(err)
				}
				b.conn.Close()
				<-ended
				return told.SID, told.PID
			}
			back := func(token, pid string) string { return `{"token":"` + token + `","pid":"` + pid + `"}` }
			was, pid := lost(bearing(token))
			if is, _ := lost(back(newer, pid)); is != was {
				t.Error("it is not back, though nothing was revoked")
			}
			was, pid = lost(bearing(token)) // for it is the newer one's now
			if kind == "user" {
				w.revokeUser(t, &realtimev1.RevokeUserRequest{UserId: "ada"})
			} else {
				w.revokeToken(t, &realtimev1.RevokeTokenRequest{TokenId: "t"})
			}
			wantKeptOut(t, w, "", back(token, pid), "CREDENTIAL_REVOKED")
			if is, _ := lost(back(newer, pid)); is == was {
				t.Error("it is back with what was revoked")
			}
			if n := w.counter(t, "realtime_recoveries_total", "refused"); n != 2 {
				t.Errorf("%v were refused", n)
			}
		})
	}
}

// TestRevokedAtThatMoment: a client that comes in, or shows a newer credential,
// and a revocation of that do not miss each other, whichever comes first.
func TestRevokedAtThatMoment(t *testing.T) {
	w := newWorld(t, refreshing(service.Policy{Authenticator: authenticator(func(_ context.Context, h authn.Handshake) (authn.Identity, error) {
		var auth struct{ Token string }
		err := json.Unmarshal(h.Claims.Auth, &auth)
		return authn.Identity{User: "ada", TokenID: auth.Token}, err
	})}))
	// As another node does, since there is always room for that.
	revoke := func(token string) (done chan struct{}) {
		done = make(chan struct{})
		go func() {
			defer close(done)
			w.service.Do(&clusterv1.Call{Request: &clusterv1.Call_Revoke{Revoke: &clusterv1.Revoke{Revocation: &clusterv1.Revocation{
				Namespace: "/", Of: &clusterv1.Revocation_TokenId{TokenId: token},
				At: timestamppb.Now(), Until: timestamppb.New(time.Now().Add(time.Hour)),
			}}}})
		}()
		return done
	}
	before := 0
	for n := range 300 {
		token, newer := fmt.Sprint("t", n), fmt.Sprint("newer", n)
		b := open(t, w.door, "", nil)
		var revoked chan struct{}
		both(n, func() { b.send("40" + bearing(token)) }, func() { revoked = revoke(token) })
		if in := strings.HasPrefix(b.want("4"), "40"); in {
			b.want("41")
			before++
		}
		<-revoked
		b.conn.Close()

		b, _ = join(t, w.door, bearing("good"))
		both(n, func() { b.send(`427["refresh",` + bearing(newer) + `]`) }, func() { revoked = revoke(newer) })
		if answer := b.want("4"); strings.HasPrefix(answer, `437[{"expires_at"`) {
			b.want("41")
			before++
		} else if answer != "41" && !strings.Contains(answer, "CREDENTIAL_REVOKED") {
			t.Errorf("got %s", answer)
		}
		<-revoked
		b.conn.Close()
	}
	t.Logf("%d of 600 were not revoked at first", before)
}

// both does two things, in either order by turns.
func both(n int, a, b func()) {
	if n%2 == 0 {
		a, b = b, a
	}
	a()
	b()
}
