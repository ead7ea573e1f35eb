// Package place finds a credential in what a client says of itself: in its
// auth option, in a header or a cookie of its handshake, or in the query.
package place

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/seed52a35d2d/realtime-server/authn"
)

// Cookies is the header that cookies are in.
const Cookies = "cookie"

// ErrNotText is the error of Find for a credential that is no string.
var ErrNotText = errors.New("the credential is no string")

// Place says where clients put a credential. Of several places the first one
// that holds something counts, in the order of the fields.
type Place struct {
	// Auth is a path in the client's auth option, such as "user.token". Empty
	// means that it is not looked at.
	Auth string `yaml:"auth"`
	// Header is a header of the handshake, in lower case. Empty means none.
	Header string `yaml:"header"`
	// Cookie is the name of a cookie of the handshake. Empty means none.
	Cookie string `yaml:"cookie"`
	// Query is a key of the handshake's query. Empty means none.
	Query string `yaml:"query"`
}

// Validate reports every fault of a place. The keys that it names begin with
// prefix.
func (p Place) Validate(prefix string) error {
	var faults []error
	if p.Header != strings.ToLower(p.Header) {
		faults = append(faults, errors.New(prefix+"header: is not in lower case"))
	}
	if strings.ContainsAny(p.Cookie, " \t=;,\"") {
		faults = append(faults, errors.New(prefix+"cookie: is no name of a cookie"))
	}
	return errors.Join(faults...)
}

// Headers are those that the server has to keep of a handshake.
func (p Place) Headers() []string {
	var names []string
	if p.Header != "" {
		names = append(names, p.Header)
	}
	if p.Cookie != "" {
		names = append(names, Cookies)
	}
	return names
}

// InRequest reports whether a credential may be in the handshake itself, so
// that it is there before the client connects to a namespace.
func (p Place) InRequest() bool { return p.Header != "" || p.Cookie != "" || p.Query != "" }

// Overlaps reports whether two places have something in common, so that nobody
// could tell what kind of credential is there.
func (p Place) Overlaps(q Place) bool {
	same := func(a, b string) bool { return a != "" && a == b }
	return same(p.Auth, q.Auth) || same(p.Header, q.Header) || same(p.Cookie, q.Cookie) || same(p.Query, q.Query)
}

// Find returns the credential of a client. The error is [authn.ErrNoCredential]
// if there is none, or ErrNotText.
func (p Place) Find(claims authn.Claims) (string, error) {
	if text, err := p.inAuth(claims.Auth); text != "" || err != nil {
		return text, err
	}
	for _, text := range []string{p.inHeader(claims.Headers), p.inCookie(claims.Headers), p.inQuery(claims.Query)} {
		if text != "" {
			return text, nil
		}
	}
	return "", authn.ErrNoCredential
}

func (p Place) inAuth(auth json.RawMessage) (string, error) {
	if p.Auth == "" || len(auth) == 0 {
		return "", nil
	}
	switch value := Lookup(objectOf(auth), p.Auth).(type) {
	case nil:
		return "", nil
	case string:
		return value, nil
	}
	return "", ErrNotText
}

// objectOf returns nil for what is no object: auth may be any value.
func objectOf(text []byte) map[string]any {
	var object map[string]any
	if json.Unmarshal(text, &object) != nil {
		return nil
	}
	return object
}

func (p Place) inHeader(headers map[string]string) string {
	if p.Header == "" {
		return ""
	}
	return headers[p.Header]
}

// inCookie takes the first cookie of the name: browsers send the one with the
// longest path first (RFC 6265, 5.4).
func (p Place) inCookie(headers map[string]string) string {
	if p.Cookie == "" {
		return ""
	}
	request := http.Request{Header: http.Header{"Cookie": {headers[Cookies]}}}
	for _, cookie := range request.CookiesNamed(p.Cookie) {
		return cookie.Value
	}
	return ""
}

func (p Place) inQuery(query map[string]string) string {
	if p.Query == "" {
		return ""
	}
	return query[p.Query]
}

// Lookup returns the value at a path such as "user.id", nil if there is none.
// A name with dots of its own, such as "https://example.com/roles", goes
// before a path.
func Lookup(object map[string]any, path string) any {
	if value, found := object[path]; found {
		return value
	}
	for i, c := range path {
		if c != '.' {
			continue
		}
		if inner, isObject := object[path[:i]].(map[string]any); isObject {
			return Lookup(inner, path[i+1:])
		}
	}
	return nil
}
