package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	gojwt "github.com/golang-jwt/jwt/v5"
)

func TestHandshakesAreChecked(t *testing.T) {
	const file = `
http: {handshake_auth: /}
api: {headers: [cookie, authorization]}
namespaces:
  /: {jwt: {keys: [{secret: 0123456789abcdef0123456789abcdef}], token: {cookie: session, header: authorization, query: token}}}
  /public: {anonymous: true}
`
	handler := built(t, sound(t, file, nil, "--dev", "--set", "socketio.close_timeout=1ms")).browsers.Handler
	sign := func(secret string, end time.Duration) string {
		claims := gojwt.MapClaims{"sub": "ada", "exp": time.Now().Add(end).Unix()}
		text, err := gojwt.NewWithClaims(gojwt.SigningMethodHS256, claims).SignedString([]byte(secret))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	good := sign("0123456789abcdef0123456789abcdef", time.Hour)
	for name, c := range map[string]struct {
		query, header, value string
		status               int
	}{
		"nothing":               {"", "", "", http.StatusUnauthorized},
		"another cookie":        {"", "Cookie", "a=b", http.StatusUnauthorized},
		"a forged token":        {"&token=" + sign("fedcba9876543210fedcba9876543210", time.Hour), "", "", http.StatusUnauthorized},
		"an expired token":      {"&token=" + sign("0123456789abcdef0123456789abcdef", -time.Hour), "", "", http.StatusUnauthorized},
		"a bad one goes first":  {"&token=" + good, "Authorization", "Bearer x", http.StatusUnauthorized},
		"the query":             {"&token=" + good, "", "", http.StatusOK},
		"the last of the query": {"&token=x&token=" + good, "", "", http.StatusOK},
		"a header":              {"", "Authorization", "Bearer " + good, http.StatusOK},
		"a cookie":              {"", "Cookie", "a=b; session=" + good, http.StatusOK},
	} {
		r := httptest.NewRequest(http.MethodGet, "/socket.io/?EIO=4&transport=polling"+c.query, nil)
		if c.header != "" {
			r.Header.Set(c.header, c.value)
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != c.status {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}
