package service_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed52a35d2d/realtime-server/authn"
	"github.com/seed52a35d2d/realtime-server/authn/ticket"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/service"
)

// farewells reads until the client is sent away, and returns what came before.
func (b *browser) farewells() string {
	b.t.Helper()
	var all []string
	for {
		text, _ := b.read()
		if text == "41" {
			return strings.Join(all, "\n")
		}
		all = append(all, text)
	}
}

// Whoever says who it is while that user is revoked does not stay: it is let in and
// found, or not let in, and told why.
func TestStrangersWhileTheirUserIsRevoked(t *testing.T) {
	asked := make(chan struct{}, 1)
	w := newWorld(t, inEventMode(service.Policy{Authenticator: authenticator(
		func(context.Context, authn.Handshake) (authn.Identity, error) {
			ada := authn.Identity{User: "ada", TokenID: "t", IssuedAt: time.Now()}
			asked <- struct{}{}
			return ada, nil
		},
	)}))
	var in, out int
	for range 100 {
		b, _ := join(t, w.door, "")
		done := make(chan struct{})
		go func() {
			defer close(done)
			if _, err := w.api.RevokeUser(t.Context(), &realtimev1.RevokeUserRequest{UserId: "ada"}); err != nil {
				t.Error(err)
			}
		}()
		b.send(`421["authenticate"]`)
		<-done
		<-asked // perhaps only after the revocation; the next one is for it then
		w.revokeUser(t, &realtimev1.RevokeUserRequest{UserId: "ada"})
		switch told := b.farewells(); {
		case strings.HasPrefix(told, `42["authenticated"`):
			in++
		case strings.HasPrefix(told, `431[{"error":{"code":"CREDENTIAL_REVOKED"`) && strings.Contains(told, `42["unauthenticated",{"message":"`+refusedText):
			out++
		default:
			t.Errorf("told %s", told)
		}
		if n, err := w.api.CountConnections(t.Context(), &realtimev1.CountConnectionsRequest{}); err != nil || n.GetConnections() != 0 {
			t.Fatalf("%v, %v", n, err)
		}
	}
	t.Logf("%d were let in and found, %d were not let in", in, out)
	if resp := w.revokeToken(t, &realtimev1.RevokeTokenRequest{TokenId: "t"}); resp.GetMatched() != 0 {
		t.Errorf("%d still hold the credential", resp.GetMatched())
	}
}

// A ticket is as old as its order: one of before the revocation is used up in vain.
func TestTicketsOfARevokedUser(t *testing.T) {
	for name, mode := range map[string]func(service.Policy) service.Policy{"connect": asItIs, "event": inEventMode} {
		t.Run(name, func(t *testing.T) {
			office := ticket.NewOffice(prometheus.NewRegistry())
			w := newWorld(t, mode(service.Policy{Authenticator: office.Authenticator(ticket.Config{}, maxRooms)}))
			w.service.SetTickets(service.Tickets{Office: office, Taken: map[string]bool{"/": true}, MaxRooms: maxRooms})
			order := func(id string) string {
				return showing(issue(t, w, &realtimev1.IssueTicketRequest{UserId: "ada", TokenId: id}))
			}
			show := func(auth string) string {
				t.Helper()
				b := open(t, w.door, "", nil)
				b.send("40" + auth)
				if name == "event" {
					b.want("40{")
					b.send(`421["authenticate"]`)
				}
				text, _ := b.read()
				return text
			}
			before, byName := order("s1"), order("s2")
			w.revokeUser(t, &realtimev1.RevokeUserRequest{UserId: "ada"})
			after := order("s3")
			w.revokeToken(t, &realtimev1.RevokeTokenRequest{TokenId: "s4"})
			for _, c := range []struct{ what, auth, want string }{
				{"ordered before", before, "CREDENTIAL_REVOKED"},
				{"once more", before, "TICKET_INVALID"},
				{"another one", byName, "CREDENTIAL_REVOKED"},
				{"ordered after", after, map[string]string{"connect": "40{", "event": `42["authenticated"`}[name]},
				{"of a revoked name", order("s4"), "CREDENTIAL_REVOKED"},
			} {
				if got := show(c.auth); !strings.Contains(got, c.want) {
					t.Errorf("%s: got %s, want %s", c.what, got, c.want)
				}
			}
		})
	}
}
