package chain_test

import (
	"context"
	"errors"
	"testing"

	"github.com/seed52a35d2d/realtime-server/authn"
	"github.com/seed52a35d2d/realtime-server/authn/anonymous"
	"github.com/seed52a35d2d/realtime-server/authn/chain"
)

// link is an authenticator that always says the same.
type link struct {
	user  string
	err   error
	asked int
}

func (l *link) Authenticate(context.Context, authn.Handshake) (authn.Identity, error) {
	l.asked++
	if l.err != nil {
		return authn.Identity{}, l.err
	}
	return authn.Identity{User: l.user}, nil
}

func TestWhoDecides(t *testing.T) {
	missing := func(code string) *link { return &link{err: &authn.Refusal{Code: code, Cause: authn.ErrNoCredential}} }
	wrong := func() *link { return &link{err: &authn.Refusal{Code: "TOKEN_INVALID"}} }
	away := func() *link { return &link{err: authn.Broken("KEYS_UNAVAILABLE", errors.New("away"))} }
	crash := func() *link { return &link{err: errors.New("crash")} }
	ada := func() *link { return &link{user: "ada"} }
	for name, c := range map[string]struct {
		links []*link
		asked int
		user  string
		code  string
	}{
		"the first":                    {[]*link{ada(), wrong()}, 1, "ada", ""},
		"the second":                   {[]*link{missing("A"), ada(), wrong()}, 2, "ada", ""},
		"a wrong one at once":          {[]*link{wrong(), ada()}, 1, "", "TOKEN_INVALID"},
		"an outage at once":            {[]*link{away(), ada()}, 1, "", "KEYS_UNAVAILABLE"},
		"a fault at once":              {[]*link{crash(), ada()}, 1, "", "none"},
		"a wrong one behind another":   {[]*link{missing("A"), wrong(), ada()}, 2, "", "TOKEN_INVALID"},
		"nobody":                       {[]*link{missing("A"), missing("B")}, 2, "", chain.CodeMissing},
		"nobody, in a chain of one":    {[]*link{missing("A")}, 1, "", "A"},
		"everybody, in a chain of one": {[]*link{ada()}, 1, "ada", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var links []authn.Authenticator
			for _, l := range c.links {
				links = append(links, l)
			}
			identity, err := chain.New(links...).Authenticate(t.Context(), authn.Handshake{})
			code := ""
			if r, ok := errors.AsType[*authn.Refusal](err); ok {
				code = r.Code
			} else if err != nil {
				code = "none"
			}
			if identity.User != c.user || code != c.code {
				t.Errorf("got %+v, %v", identity, err)
			}
			for i, l := range c.links {
				if want := min(1, max(0, c.asked-i)); l.asked != want {
					t.Errorf("link %d was asked %d times, want %d", i, l.asked, want)
				}
			}
		})
	}
}

func TestAnonymousTakesTheRest(t *testing.T) {
	everybody, err := anonymous.New("lobby")
	if err != nil {
		t.Fatal(err)
	}
	nobody := &link{err: &authn.Refusal{Cause: authn.ErrNoCredential}}
	identity, err := chain.New(nobody, everybody).Authenticate(t.Context(), authn.Handshake{})
	if err != nil || identity.User != "" || len(identity.Rooms) != 1 {
		t.Errorf("%+v, %v", identity, err)
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		kinds []string
		want  string
	}{
		{nil, ""},
		{[]string{"jwt"}, ""},
		{[]string{"anonymous"}, ""},
		{[]string{"ticket", "jwt", "backend"}, ""},
		{[]string{"jwt", "ticket", "anonymous"}, ""},
		{[]string{"jwt", "JWT", ""}, "chain: \"JWT\" is none of jwt, ticket, backend and anonymous\nchain: \"\" is none of jwt, ticket, backend and anonymous"},
		{[]string{"jwt", "ticket", "jwt"}, `chain: "jwt" stands twice`},
		{[]string{"anonymous", "anonymous"}, "chain: anonymous must be the last: it lets everybody in\nchain: \"anonymous\" stands twice"},
		{[]string{"anonymous", "jwt"}, "chain: anonymous must be the last: it lets everybody in"},
		{[]string{"backend", "anonymous"}, "chain: backend must be the last: it always decides, and accepts whom it likes without a user_id"},
	} {
		got := ""
		if err := chain.Check(c.kinds); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%q: got %q, want %q", c.kinds, got, c.want)
		}
	}
}
