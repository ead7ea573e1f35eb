package ticket_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/seed52a35d2d/realtime-server/authn"
	"github.com/seed52a35d2d/realtime-server/authn/ticket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const maxRooms = 3

// desk is an office with the authenticator of its clients.
type desk struct {
	*ticket.Office
	clients *ticket.Authenticator
	metrics *prometheus.Registry
}

func newDesk(cfg ticket.Config) *desk {
	reg := prometheus.NewRegistry()
	office := ticket.NewOffice(reg)
	return &desk{office, office.Authenticator(cfg, maxRooms), reg}
}

func (d *desk) issue(tb testing.TB, who authn.Identity, life time.Duration) ticket.Ticket {
	tb.Helper()
	issued, err := d.Issue(tb.Context(), "/", who, life)
	if err != nil {
		tb.Fatal(err)
	}
	return issued
}

// outcomes is how often each outcome was counted.
func (d *desk) outcomes(tb testing.TB) map[string]float64 {
	tb.Helper()
	families, err := d.metrics.Gather()
	if err != nil {
		tb.Fatal(err)
	}
	counts := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			counts[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
		}
	}
	return counts
}

func showing(text string) authn.Handshake {
	auth, _ := json.Marshal(map[string]string{"ticket": text})
	return authn.Handshake{Namespace: "/", Claims: authn.Claims{Auth: auth}}
}

func (d *desk) accepted(tb testing.TB, h authn.Handshake) authn.Identity {
	tb.Helper()
	identity, err := d.clients.Authenticate(tb.Context(), h)
	if err != nil {
		tb.Fatal(err)
	}
	return identity
}

// refused checks what a client is told, and that nobody reads its ticket.
func (d *desk) refused(tb testing.TB, h authn.Handshake, code string) *authn.Refusal {
	tb.Helper()
	identity, err := d.clients.Authenticate(tb.Context(), h)
	r, ok := errors.AsType[*authn.Refusal](err)
	if !ok {
		tb.Fatalf("got %+v, %v; want %s", identity, err, code)
	}
	if r.Code != code || r.Message == "" || r.Temporary != (code == ticket.CodeUnavailable) {
		tb.Errorf("got %+v, want %s", r, code)
	}
	if errors.Is(r, authn.ErrNoCredential) != (code == ticket.CodeMissing) {
		tb.Errorf("%v: wrong about whether there was a ticket", r)
	}
	if diff := cmp.Diff(authn.Identity{}, identity); diff != "" {
		tb.Errorf("a refused client is somebody: %s", diff)
	}
	return r
}

func TestTicketSaysWhoTheClientIs(t *testing.T) {
	d := newDesk(ticket.Config{})
	for _, who := range []authn.Identity{
		{},
		{User: "ada"},
		{
			User: "ada <&>", Rooms: []string{"räume/1", "b"}, Metadata: []byte(`{"big":12345678901234567890,"tenant":"acme"}`),
			ExpiresAt: time.Now().Add(time.Hour).UTC().Round(0), TokenID: "session 7",
		},
	} {
		began := time.Now()
		got := d.accepted(t, showing(d.issue(t, who, time.Minute).Text))
		if got.IssuedAt.Before(began) || got.IssuedAt.After(time.Now()) {
			t.Errorf("issued at %v", got.IssuedAt)
		}
		who.IssuedAt = got.IssuedAt
		if diff := cmp.Diff(who, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestTicketIsGoodOnce(t *testing.T) {
	d := newDesk(ticket.Config{})
	issued := d.issue(t, authn.Identity{User: "ada"}, time.Minute)
	d.accepted(t, showing(issued.Text))
	r := d.refused(t, showing(issued.Text), ticket.CodeInvalid)
	if strings.Contains(r.Error(), issued.Text) {
		t.Errorf("%q quotes the ticket", r)
	}
	want := map[string]float64{"issued": 1, "used": 1, "unknown": 1}
	if diff := cmp.Diff(want, d.outcomes(t)); diff != "" {
		t.Errorf("counted (-want +got):\n%s", diff)
	}
}

func TestTicketEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(ticket.Config{})
		in, late := d.issue(t, authn.Identity{}, 30*time.Second), d.issue(t, authn.Identity{}, 30*time.Second)
		if want := time.Now().Add(30 * time.Second); !in.ExpiresAt.Equal(want) {
			t.Errorf("ends at %v, want %v", in.ExpiresAt, want)
		}
		time.Sleep(30*time.Second - 1)
		d.accepted(t, showing(in.Text))
		time.Sleep(time.Nanosecond)
		d.refused(t, showing(late.Text), ticket.CodeInvalid)
	})
}

// A connection whose end has come does not begin.
func TestConnectionThatIsOverAlready(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(ticket.Config{})
		issued := d.issue(t, authn.Identity{User: "ada", ExpiresAt: time.Now().Add(time.Second)}, time.Minute)
		time.Sleep(time.Second)
		d.refused(t, showing(issued.Text), ticket.CodeInvalid)
	})
}

func TestTicketIsOfOneNamespace(t *testing.T) {
	d := newDesk(ticket.Config{})
	issued := d.issue(t, authn.Identity{User: "ada"}, time.Minute)
	elsewhere := showing(issued.Text)
	elsewhere.Namespace = "/other"
	d.refused(t, elsewhere, ticket.CodeInvalid)
	d.accepted(t, showing(issued.Text)) // it was not used up
}

func TestWhereTheTicketIs(t *testing.T) {
	for name, c := range map[string]struct {
		at     ticket.Config
		claims func(text string) authn.Claims
	}{
		"by default": {ticket.Config{}, func(text string) authn.Claims { return showing(text).Claims }},
		"a path": {ticket.Config{Auth: "login.ticket"}, func(text string) authn.Claims {
			return authn.Claims{Auth: []byte(`{"login":{"ticket":"` + text + `"},"ticket":"bad"}`)}
		}},
		"the query": {ticket.Config{Query: "t"}, func(text string) authn.Claims {
			return authn.Claims{Auth: []byte(`{"ticket":"bad"}`), Query: map[string]string{"t": text}}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(c.at)
			d.accepted(t, authn.Handshake{Namespace: "/", Claims: c.claims(d.issue(t, authn.Identity{}, time.Minute).Text)})
		})
	}
}

func TestRefusals(t *testing.T) {
	d := newDesk(ticket.Config{})
	text := d.issue(t, authn.Identity{User: "ada"}, time.Minute).Text
	padded := base64.URLEncoding.EncodeToString(make([]byte, 32))
	for auth, code := range map[string]string{
		``:                              ticket.CodeMissing,
		`{}`:                            ticket.CodeMissing,
		`null`:                          ticket.CodeMissing,
		`{"ticket":""}`:                 ticket.CodeMissing,
		`{"ticket":7}`:                  ticket.CodeInvalid,
		`{"ticket":{}}`:                 ticket.CodeInvalid,
		`{"ticket":"x"}`:                ticket.CodeInvalid,
		`{"ticket":"` + text[1:] + `"}`: ticket.CodeInvalid,
		`{"ticket":"` + text + ` "}`:    ticket.CodeInvalid,
		`{"ticket":"` + padded + `"}`:   ticket.CodeInvalid,
		`{"ticket":"` + strings.Repeat("A", 43) + `"}`: ticket.CodeInvalid,
	} {
		t.Run(auth, func(t *testing.T) {
			d.refused(t, authn.Handshake{Namespace: "/", Claims: authn.Claims{Auth: []byte(auth)}}, code)
		})
	}
	d.accepted(t, showing(text))
	// A node with other limits may have issued it.
	many := d.issue(t, authn.Identity{Rooms: []string{"1", "2", "3", "4"}}, time.Minute)
	d.refused(t, showing(many.Text), ticket.CodeInvalid)
}

func TestTooMuchForATicket(t *testing.T) {
	d := newDesk(ticket.Config{})
	metadata := []byte(`{"a":"` + strings.Repeat("x", ticket.MaxGrantBytes) + `"}`)
	if _, err := d.Issue(t.Context(), "/", authn.Identity{Metadata: metadata}, time.Minute); !errors.Is(err, ticket.ErrTooLarge) {
		t.Errorf("error %v", err)
	}
}

// broken is a store that answers what it is told to.
type broken struct {
	value []byte
	err   error
	asked int
}

func (b *broken) Put(context.Context, string, []byte, time.Duration) error { return b.err }

func (b *broken) Take(context.Context, string) ([]byte, error) {
	b.asked++
	return b.value, b.err
}

var (
	_ ticket.Store        = (*broken)(nil)
	_ authn.Authenticator = (*ticket.Authenticator)(nil)
)

// Nobody gets in, and nobody is refused for good, while nobody can tell.
func TestOutage(t *testing.T) {
	d := newDesk(ticket.Config{})
	text := d.issue(t, authn.Identity{User: "ada"}, time.Minute).Text
	store := &broken{err: errors.New("redis is away")}
	d.SetStore(store)
	if r := d.refused(t, showing(text), ticket.CodeUnavailable); !strings.Contains(r.Error(), "redis is away") || strings.Contains(r.Message, "redis") {
		t.Errorf("%+v", r)
	}
	if _, err := d.Issue(t.Context(), "/", authn.Identity{}, time.Minute); !errors.Is(err, store.err) {
		t.Errorf("issued: %v", err)
	}
	d.refused(t, showing("not a ticket"), ticket.CodeInvalid)
	if store.asked != 1 {
		t.Errorf("the store was asked %d times", store.asked)
	}
	want := map[string]float64{"issued": 1, "not issued": 1, "away": 1, "unknown": 1}
	if diff := cmp.Diff(want, d.outcomes(t)); diff != "" {
		t.Errorf("counted (-want +got):\n%s", diff)
	}
	for _, value := range []string{"", "x", "[]", `{"user":7}`, `{"metadata":null}`, `{"metadata":[]}`, `{"expires_at":"soon"}`} {
		d.SetStore(&broken{value: []byte(value)})
		d.refused(t, showing(text), ticket.CodeUnavailable)
	}
}

// Whatever clients send is refused.
func FuzzShown(f *testing.F) {
	d := newDesk(ticket.Config{Auth: "ticket", Query: "ticket"})
	d.issue(f, authn.Identity{User: "ada"}, time.Hour)
	f.Add([]byte(`{"ticket":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}`), "x")
	f.Add([]byte(`{"ticket":["a"]}`), "")
	f.Fuzz(func(t *testing.T, auth []byte, query string) {
		_, err := d.clients.Authenticate(t.Context(), authn.Handshake{
			Namespace: "/", Claims: authn.Claims{Auth: auth, Query: map[string]string{"ticket": query}},
		})
		if r, ok := errors.AsType[*authn.Refusal](err); !ok || r.Temporary {
			t.Errorf("%v", err)
		}
	})
}

// Whatever lies in a store makes a sound identity or a refusal.
func FuzzStored(f *testing.F) {
	f.Add([]byte(`{"user":"ada","rooms":["a"],"metadata":{"a":1},"expires_at":"2100-01-01T00:00:00Z","token_id":"t"}`))
	f.Add([]byte(`{"user":"\u0000","rooms":[""],"metadata":[]}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, value []byte) {
		d := newDesk(ticket.Config{})
		d.SetStore(&broken{value: value})
		identity, err := d.clients.Authenticate(t.Context(), showing(strings.Repeat("A", 43)))
		if err != nil {
			return
		}
		if fault := identity.Check(maxRooms, time.Now()); fault != nil {
			t.Errorf("%+v: %v", identity, fault)
		}
		if identity.Metadata != nil && json.Unmarshal(identity.Metadata, &map[string]any{}) != nil {
			t.Errorf("metadata %q", identity.Metadata)
		}
	})
}
