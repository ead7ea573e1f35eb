package service_test

import (
	"testing"
	"time"

	"github.com/gobwas/ws"
	gojwt "github.com/golang-jwt/jwt/v5"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/seed52a35d2d/realtime-server/authn/anonymous"
	"github.com/seed52a35d2d/realtime-server/authn/chain"
	"github.com/seed52a35d2d/realtime-server/authn/jwt"
	"github.com/seed52a35d2d/realtime-server/authn/ticket"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/service"
)

// manyKinds is a world whose clients show a token, in the cookie `session` or in
// auth, or a ticket, or nothing.
func manyKinds(t *testing.T, change func(service.Policy) service.Policy) *world {
	t.Helper()
	office := ticket.NewOffice(prometheus.NewRegistry())
	everybody, err := anonymous.New()
	if err != nil {
		t.Fatal(err)
	}
	tokens := checkingTokens(t, jwt.Config{Keys: []jwt.Key{{Secret: tokenSecret}}, Token: jwt.Token{Auth: "token", Cookie: "session"}})
	w := newWorld(t, change(refreshing(service.Policy{
		Authenticator: chain.New(tokens, office.Authenticator(ticket.Config{}, maxRooms), everybody),
	})))
	w.service.SetTickets(service.Tickets{Office: office, Taken: map[string]bool{"/": true}, MaxRooms: maxRooms})
	return w
}

func asItIs(p service.Policy) service.Policy { return p }

func showing(ticket *realtimev1.IssueTicketResponse) string {
	return `{"ticket":"` + ticket.GetTicket() + `"}`
}

// A client refreshes by another kind of credential than the one that its handshake
// has, which it shows for as long as the connection lives.
func TestRefreshByAnotherKind(t *testing.T) {
	for name, mode := range map[string]func(service.Policy) service.Policy{"connect": asItIs, "event": inEventMode} {
		t.Run(name, func(t *testing.T) {
			w := manyKinds(t, mode)
			old := tokenOf(t, "ada", "old", gojwt.MapClaims{"exp": time.Now().Add(time.Minute).Unix()})
			b := open(t, w.door, "", ws.HandshakeHeaderHTTP{"Cookie": {"session=" + old}})
			b.send("40")
			b.want("40{")
			if name == "event" {
				b.send(`42["authenticate"]`)
				b.want(`42["authenticated"`)
				b.wantPing()
			}
			end := time.Now().Add(time.Hour)
			by := func(user, id string) string {
				return showing(issue(t, w, &realtimev1.IssueTicketRequest{UserId: user, TokenId: id, ConnectionExpiresAt: timestamppb.New(end)}))
			}
			b.wantError(`"refresh"`, "CREDENTIAL_MISSING", false)
			b.wantError(`"refresh",{}`, "CREDENTIAL_MISSING", false)
			b.wantError(`"refresh",`+by("bob", ""), "REFRESH_OTHER_USER", false)
			used := by("ada", "s1")
			wantExpiry(t, b.ask(`"refresh",`+used), end)
			b.wantError(`"refresh",`+used, "TICKET_INVALID", false)
			// From now on the ticket is its credential, and the token that it came with
			// is not.
			w.revokeToken(t, &realtimev1.RevokeTokenRequest{TokenId: "old"})
			later := time.Now().Add(2 * time.Hour).Truncate(time.Second)
			wantExpiry(t, b.ask(`"refresh",`+bearing(tokenOf(t, "ada", "new", gojwt.MapClaims{"exp": later.Unix()}))), later)
			w.revokeToken(t, &realtimev1.RevokeTokenRequest{TokenId: "s1"})
			if resp := w.revokeToken(t, &realtimev1.RevokeTokenRequest{TokenId: "new"}); resp.GetMatched() != 1 {
				t.Errorf("got %v", resp)
			}
			b.want("41")
		})
	}
}

// Who was let in for a while, without a user, does not stay for ever by showing
// nothing.
func TestNobodyRefreshesIntoAnonymity(t *testing.T) {
	w := manyKinds(t, asItIs)
	end := time.Now().Add(time.Hour)
	b, id := join(t, w.door, showing(issue(t, w, &realtimev1.IssueTicketRequest{
		Rooms: []string{"preview"}, ConnectionExpiresAt: timestamppb.New(end),
	})))
	b.wantError(`"refresh",{}`, "CREDENTIAL_MISSING", false)
	if c := connectionOf(t, w, id); !c.GetExpiresAt().AsTime().Equal(end) {
		t.Errorf("the connection is %v", c)
	}
}
