package jwt_test

import (
	"bytes"
	"crypto"
	"crypto/elliptic"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
	gojwt "github.com/golang-jwt/jwt/v5"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/seed52a35d2d/realtime-server/authn"
	"github.com/seed52a35d2d/realtime-server/authn/jwt"
)

// issuer serves a JWK set and counts who asks.
type issuer struct {
	mu     sync.Mutex
	answer http.HandlerFunc
	asked  int
	url    string
}

func issuing(tb testing.TB, answer http.HandlerFunc) *issuer {
	tb.Helper()
	i := &issuer{answer: answer}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.mu.Lock()
		i.asked++
		now := i.answer
		i.mu.Unlock()
		now(w, r)
	}))
	tb.Cleanup(server.Close)
	i.url = server.URL
	return i
}

func (i *issuer) now(answer http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.answer = answer
}

func (i *issuer) fetches() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.asked
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func saying(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }
}

// publishing answers with the public halves of signers.
func publishing(tb testing.TB, signers ...signer) http.HandlerFunc {
	tb.Helper()
	var set jwkset.JWKSMarshal
	for _, s := range signers {
		set.Keys = append(set.Keys, jwkOf(tb, s))
	}
	text, err := json.Marshal(set)
	if err != nil {
		tb.Fatal(err)
	}
	return saying(string(text))
}

func jwkOf(tb testing.TB, s signer) jwkset.JWKMarshal {
	tb.Helper()
	value := s.key
	if private, ok := value.(crypto.Signer); ok {
		value = private.Public()
	}
	jwk, err := jwkset.NewJWKFromKey(value, jwkset.JWKOptions{
		Metadata: jwkset.JWKMetadataOptions{KID: s.kid}, Marshal: jwkset.JWKMarshalOptions{Private: true},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return jwk.Marshal()
}

func ed(tb testing.TB, kid string) signer {
	tb.Helper()
	return signer{gojwt.SigningMethodEdDSA, edKey(tb), kid}
}

// asking checks tokens with the set of i, fetched whenever it is needed.
func asking(tb testing.TB, i *issuer) *jwt.Authenticator {
	tb.Helper()
	return checking(tb, jwt.Config{JWKS: jwt.JWKS{URL: i.url, MinInterval: time.Nanosecond, Refresh: time.Hour}})
}

func TestSetOfEveryKind(t *testing.T) {
	signers := []signer{
		{gojwt.SigningMethodRS256, rsaKey(t, 2048), "r"}, {gojwt.SigningMethodES384, ecKey(t, elliptic.P384()), "e"}, ed(t, "d"),
	}
	a := asking(t, issuing(t, publishing(t, signers...)))
	for _, s := range signers {
		accepted(t, a, s.sign(t, good()))
		s.kid = ""
		accepted(t, a, s.sign(t, good()))
	}
	refused(t, a, bearing(ed(t, "d").sign(t, good())), jwt.CodeInvalid)
}

func TestKeysOfASetThatAreIgnored(t *testing.T) {
	secret, weak := secretly("s"), signer{gojwt.SigningMethodRS256, rsaKey(t, 1024), "w"}
	sealing, fine := ed(t, "enc"), ed(t, "fine")
	forSealing := jwkOf(t, sealing)
	forSealing.USE = jwkset.UseEnc
	set := jwkset.JWKSMarshal{Keys: []jwkset.JWKMarshal{
		jwkOf(t, secret), jwkOf(t, weak), forSealing, {KTY: "new", KID: "n"}, jwkOf(t, fine),
	}}
	text, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	a := asking(t, issuing(t, saying(strings.Replace(string(text), `{"keys":[`, `{"keys":[7,{"kty":8},`, 1))))
	accepted(t, a, fine.sign(t, good()))
	for _, s := range []signer{secret, weak, sealing} {
		refused(t, a, bearing(s.sign(t, good())), jwt.CodeInvalid)
	}
}

func TestRotationOfASet(t *testing.T) {
	before, after := ed(t, "2025"), ed(t, "2026")
	i := issuing(t, publishing(t, before))
	a := asking(t, i)
	accepted(t, a, before.sign(t, good()))
	refused(t, a, bearing(after.sign(t, good())), jwt.CodeInvalid)
	i.now(publishing(t, after))
	accepted(t, a, after.sign(t, good()))
	refused(t, a, bearing(before.sign(t, good())), jwt.CodeInvalid)
}

// However many keys tokens invent, the issuer is asked once in a while.
func TestInventedKeysAreNoBurden(t *testing.T) {
	known := ed(t, "known")
	i := issuing(t, publishing(t, known))
	a := checking(t, jwt.Config{JWKS: jwt.JWKS{URL: i.url, MinInterval: time.Hour, Refresh: time.Hour}})
	accepted(t, a, known.sign(t, good()))
	var all sync.WaitGroup
	for n := range 50 {
		all.Go(func() {
			known := known
			known.kid = strings.Repeat("x", n+1)
			refused(t, a, bearing(known.sign(t, good())), jwt.CodeInvalid)
		})
	}
	all.Wait()
	if got := i.fetches(); got != 1 {
		t.Errorf("%d fetches", got)
	}
	refused(t, a, bearing(secretly("").sign(t, good())), jwt.CodeInvalid)
}

// Nobody is refused for good while the keys cannot be had; who is known gets in.
func TestOutage(t *testing.T) {
	known, unknown := ed(t, "known"), ed(t, "unknown")
	i := issuing(t, status(http.StatusServiceUnavailable))
	var log bytes.Buffer
	watch := quiet()
	watch.Log = slog.New(slog.NewTextHandler(&log, nil))
	a := watching(t, jwt.Config{JWKS: jwt.JWKS{URL: i.url, MinInterval: time.Nanosecond, Refresh: time.Hour}}, watch)
	token := known.sign(t, good())
	refused(t, a, bearing(token), jwt.CodeKeysUnavailable)
	i.now(publishing(t, known))
	var err error
	for range 100 { // the failed fetch that runs may be the one that answers
		if _, err = a.Authenticate(t.Context(), bearing(token)); err == nil {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	i.now(status(http.StatusInternalServerError))
	accepted(t, a, token)
	refused(t, a, bearing(unknown.sign(t, good())), jwt.CodeKeysUnavailable)
	refused(t, a, bearing(known.sign(t, good("exp", 1))), jwt.CodeExpired)
	a.Close()
	if ok := testutil.ToFloat64(watch.Fetches.WithLabelValues("ok")); ok < 1 {
		t.Errorf("%v fetches succeeded", ok)
	}
	if lines := strings.Count(log.String(), "cannot be fetched"); lines != 2 || strings.Contains(log.String(), token) {
		t.Errorf("two outages are %d lines:\n%s", lines, &log)
	}
}

// Keys that could not be fetched again for too long are no keys any more.
func TestKeysGrowOld(t *testing.T) {
	known := ed(t, "known")
	i := issuing(t, publishing(t, known))
	a := checking(t, jwt.Config{JWKS: jwt.JWKS{
		URL: i.url, MinInterval: time.Millisecond, Refresh: 50 * time.Millisecond, MaxAge: 50 * time.Millisecond,
	}})
	token := known.sign(t, good())
	until := func(code string) {
		t.Helper()
		for t.Context().Err() == nil {
			_, err := a.Authenticate(t.Context(), bearing(token))
			r, isRefusal := errors.AsType[*authn.Refusal](err)
			if err == nil && code == "" || isRefusal && r.Code == code {
				return
			}
			if isRefusal && !r.Temporary {
				t.Fatalf("refused for good: %v", err)
			}
		}
	}
	until("")
	i.now(status(http.StatusBadGateway))
	until(jwt.CodeKeysUnavailable)
	i.now(publishing(t, known))
	until("")
}

func TestBadSets(t *testing.T) {
	known := ed(t, "known")
	elsewhere := issuing(t, publishing(t, known))
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		cause  string
	}{
		"oversized": {func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write(bytes.Repeat([]byte(" "), 256<<10))
			publishing(t, known)(w, r)
		}, "larger than 256 KiB"},
		"too many keys": {saying(`{"keys":[` + strings.Repeat("{},", 100) + `{}]}`), "more than 100 keys"},
		"no keys":       {saying(`{"keys":[]}`), "no key that can be used"},
		"HTML":          {saying(`<html>`), "no JWK set"},
		"not found":     {status(http.StatusNotFound), "status 404"},
		"redirect":      {http.RedirectHandler(elsewhere.url, http.StatusFound).ServeHTTP, "redirect"},
		"hung up":       {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
		"slow":          {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "deadline exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := jwt.JWKS{URL: issuing(t, c.answer).url, MinInterval: time.Hour, Refresh: time.Hour}
			if name == "slow" {
				cfg.Timeout = 100 * time.Millisecond
			}
			a := checking(t, jwt.Config{JWKS: cfg})
			r := refused(t, a, bearing(known.sign(t, good())), jwt.CodeKeysUnavailable)
			if !strings.Contains(r.Error(), c.cause) || strings.Contains(r.Error(), cfg.URL) {
				t.Errorf("%q lacks %q, or names the URL", r, c.cause)
			}
		})
	}
	if elsewhere.fetches() != 0 {
		t.Error("a redirect was followed")
	}
}

// The end of the server ends those who wait for keys.
func TestCloseWhileFetching(t *testing.T) {
	begun := make(chan struct{}, 1)
	i := issuing(t, func(_ http.ResponseWriter, r *http.Request) {
		begun <- struct{}{}
		<-r.Context().Done()
	})
	a := checking(t, jwt.Config{JWKS: jwt.JWKS{URL: i.url, Timeout: time.Hour}})
	done := make(chan error)
	token := ed(t, "").sign(t, good())
	go func() {
		_, err := a.Authenticate(t.Context(), bearing(token))
		done <- err
	}()
	<-begun
	a.Close()
	if err := <-done; err == nil {
		t.Error("no error")
	}
}

// The set is fetched again although nobody asks.
func TestRefreshInTheBackground(t *testing.T) {
	again := make(chan struct{})
	var once sync.Once
	i := issuing(t, status(http.StatusOK))
	i.now(func(w http.ResponseWriter, r *http.Request) {
		if i.fetches() == 3 {
			once.Do(func() { close(again) })
		}
		saying(`{"keys":[]}`)(w, r)
	})
	checking(t, jwt.Config{JWKS: jwt.JWKS{URL: i.url, Refresh: time.Millisecond, MinInterval: time.Millisecond}})
	select {
	case <-again:
	case <-t.Context().Done():
		t.Error("was not fetched again")
	}
}

var _ authn.Authenticator = (*jwt.Authenticator)(nil)
