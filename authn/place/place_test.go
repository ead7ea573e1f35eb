package place_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/seed52a35d2d/realtime-server/authn"
	"github.com/seed52a35d2d/realtime-server/authn/place"
)

func TestFind(t *testing.T) {
	everywhere := authn.Claims{
		Auth:    []byte(`{"token":"in auth","user":{"jwt":"in a path"},"a.b":"of one name","n":7,"empty":"","null":null}`),
		Headers: map[string]string{"authorization": "in a header", "cookie": `a=b; session="in-a-cookie"; session=second`},
		Query:   map[string]string{"token": "in the query", "empty": ""},
	}
	for name, c := range map[string]struct {
		at   place.Place
		want string
		err  error
	}{
		"auth":                  {place.Place{Auth: "token"}, "in auth", nil},
		"a path":                {place.Place{Auth: "user.jwt"}, "in a path", nil},
		"a name with a dot":     {place.Place{Auth: "a.b"}, "of one name", nil},
		"a header":              {place.Place{Header: "authorization"}, "in a header", nil},
		"a cookie, the first":   {place.Place{Cookie: "session"}, "in-a-cookie", nil},
		"the query":             {place.Place{Query: "token"}, "in the query", nil},
		"auth goes first":       {place.Place{Auth: "token", Header: "authorization", Cookie: "session", Query: "token"}, "in auth", nil},
		"then the header":       {place.Place{Auth: "x", Header: "authorization", Cookie: "session", Query: "token"}, "in a header", nil},
		"then the cookie":       {place.Place{Auth: "null", Header: "x", Cookie: "session", Query: "token"}, "in-a-cookie", nil},
		"the query comes last":  {place.Place{Auth: "empty", Header: "x", Cookie: "x", Query: "token"}, "in the query", nil},
		"nothing":               {place.Place{Auth: "x", Header: "x", Cookie: "x", Query: "empty"}, "", authn.ErrNoCredential},
		"nowhere":               {place.Place{}, "", authn.ErrNoCredential},
		"a number":              {place.Place{Auth: "n", Query: "token"}, "", place.ErrNotText},
		"a map":                 {place.Place{Auth: "user"}, "", place.ErrNotText},
		"a path through a text": {place.Place{Auth: "token.x"}, "", authn.ErrNoCredential},
	} {
		if got, err := c.at.Find(everywhere); got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: got %q, %v; want %q, %v", name, got, err, c.want, c.err)
		}
	}
	for _, auth := range []string{``, `{}`, `null`, `"token"`, `[]`, `{`} {
		if _, err := (place.Place{Auth: "token"}).Find(authn.Claims{Auth: []byte(auth)}); !errors.Is(err, authn.ErrNoCredential) {
			t.Errorf("%s: %v", auth, err)
		}
	}
}

func TestPlacesThatOverlap(t *testing.T) {
	a := place.Place{Auth: "a", Header: "b", Cookie: "c", Query: "d"}
	for _, b := range []place.Place{{Auth: "a"}, {Header: "b"}, {Cookie: "c"}, {Query: "d"}} {
		if !a.Overlaps(b) || !b.Overlaps(a) {
			t.Errorf("%+v: no overlap", b)
		}
	}
	for _, b := range []place.Place{{}, {Auth: "b", Header: "c", Cookie: "d", Query: "a"}} {
		if a.Overlaps(b) || b.Overlaps(a) || b.Overlaps(place.Place{}) {
			t.Errorf("%+v: overlaps", b)
		}
	}
}

func TestFaults(t *testing.T) {
	err := place.Place{Header: "Authorization", Cookie: "a b"}.Validate("token.")
	for _, want := range []string{"token.header: ", "token.cookie: "} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %q", err, want)
		}
	}
	if err := (place.Place{Auth: "A b", Header: "a", Cookie: "__Host-session", Query: "Q"}).Validate(""); err != nil {
		t.Error(err)
	}
}

// Whatever a client sends, there is a credential or a reason why not.
func FuzzFind(f *testing.F) {
	f.Add([]byte(`{"a":{"b":"c"}}`), "a.b", "x=y", "x")
	f.Add([]byte(`{"":""}`), ".", `x="`, "")
	f.Add([]byte(`[`), "..", ";=;", "é")
	f.Fuzz(func(t *testing.T, auth []byte, path, cookies, cookie string) {
		at := place.Place{Auth: path, Cookie: cookie}
		got, err := at.Find(authn.Claims{Auth: auth, Headers: map[string]string{"cookie": cookies}})
		if (got == "") != (err != nil) {
			t.Errorf("%q, %v", got, err)
		}
	})
}
