package jwt_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gojwt "github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/seed52a35d2d/realtime-server/authn"
	"github.com/seed52a35d2d/realtime-server/authn/jwt"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	theSecret   = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	otherSecret = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
)

// signer is a private key with the method it signs by.
type signer struct {
	method gojwt.SigningMethod
	key    any
	kid    string
}

func secretly(kid string) signer { return signer{gojwt.SigningMethodHS256, []byte(theSecret), kid} }

func (s signer) sign(tb testing.TB, claims map[string]any) string {
	tb.Helper()
	return s.signWith(tb, claims, nil)
}

func (s signer) signWith(tb testing.TB, claims, header map[string]any) string {
	tb.Helper()
	token := gojwt.NewWithClaims(s.method, gojwt.MapClaims(claims))
	if s.kid != "" {
		token.Header["kid"] = s.kid
	}
	maps.Copy(token.Header, header)
	text, err := token.SignedString(s.key)
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

func in(d time.Duration) int64 { return time.Now().Add(d).Unix() }

// good are the claims of ada for an hour, and others.
func good(more ...any) map[string]any {
	claims := map[string]any{"sub": "ada", "exp": in(time.Hour)}
	for i := 0; i < len(more); i += 2 {
		claims[more[i].(string)] = more[i+1]
		if more[i+1] == nil {
			delete(claims, more[i].(string))
		}
	}
	return claims
}

func quiet() jwt.Watch {
	everywhere := prometheus.Labels{"namespace": "/"}
	return jwt.Watch{
		Log:     slog.New(slog.DiscardHandler),
		Fetches: jwt.NewFetches(prometheus.NewRegistry()).MustCurryWith(everywhere),
		Reloads: jwt.NewReloads(prometheus.NewRegistry()).MustCurryWith(everywhere),
	}
}

func checking(tb testing.TB, cfg jwt.Config) *jwt.Authenticator {
	tb.Helper()
	return watching(tb, cfg, quiet())
}

func watching(tb testing.TB, cfg jwt.Config, watch jwt.Watch) *jwt.Authenticator {
	tb.Helper()
	a, err := jwt.New(cfg, 3, watch)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(a.Close)
	return a
}

func bearing(token string) authn.Handshake {
	auth, _ := json.Marshal(map[string]string{"token": token})
	return authn.Handshake{Claims: authn.Claims{Auth: auth}}
}

func accepted(tb testing.TB, a *jwt.Authenticator, token string) authn.Identity {
	tb.Helper()
	identity, err := a.Authenticate(tb.Context(), bearing(token))
	if err != nil {
		tb.Fatal(err)
	}
	return identity
}

// refused checks what a client is told, and that nobody reads its token.
func refused(tb testing.TB, a *jwt.Authenticator, h authn.Handshake, code string) *authn.Refusal {
	tb.Helper()
	identity, err := a.Authenticate(tb.Context(), h)
	var r *authn.Refusal
	if !errors.As(err, &r) {
		tb.Fatalf("got %+v, %v; want %s", identity, err, code)
	}
	if r.Code != code || r.Temporary != (code == jwt.CodeKeysUnavailable) || r.Message == "" {
		tb.Errorf("got %+v, want %s", r, code)
	}
	if diff := cmp.Diff(authn.Identity{}, identity); diff != "" {
		tb.Errorf("a refused client is somebody: %s", diff)
	}
	return r
}

func public(tb testing.TB, key crypto.PublicKey) string {
	tb.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		tb.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func file(tb testing.TB, text string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "key")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

func rsaKey(tb testing.TB, bits int) *rsa.PrivateKey {
	tb.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func ecKey(tb testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	tb.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func edKey(tb testing.TB) ed25519.PrivateKey {
	tb.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func TestEveryAlgorithm(t *testing.T) {
	ofRSA := rsaKey(t, 2048)
	for alg, key := range map[string]crypto.Signer{
		"RS256": ofRSA, "RS384": ofRSA, "RS512": ofRSA, "PS256": ofRSA, "PS384": ofRSA, "PS512": ofRSA,
		"ES256": ecKey(t, elliptic.P256()), "ES384": ecKey(t, elliptic.P384()), "ES512": ecKey(t, elliptic.P521()),
		"EdDSA": edKey(t),
	} {
		t.Run(alg, func(t *testing.T) {
			a := checking(t, jwt.Config{Keys: []jwt.Key{{PEMFile: file(t, public(t, key.Public()))}}})
			s := signer{gojwt.GetSigningMethod(alg), key, ""}
			if got := accepted(t, a, s.sign(t, good())); got.User != "ada" {
				t.Errorf("%+v", got)
			}
			refused(t, a, bearing(secretly("").sign(t, good())), jwt.CodeInvalid)
		})
	}
	for _, alg := range []string{"HS256", "HS384", "HS512"} {
		t.Run(alg, func(t *testing.T) {
			a := checking(t, jwt.Config{Keys: []jwt.Key{{SecretFile: file(t, theSecret+"\n")}}})
			s := signer{gojwt.GetSigningMethod(alg), []byte(theSecret), ""}
			if got := accepted(t, a, s.sign(t, good())); got.User != "ada" {
				t.Errorf("%+v", got)
			}
		})
	}
}

// Whatever a token says of its algorithm, a key signs only by its own.
func TestAlgorithmsAreNotConfused(t *testing.T) {
	key := rsaKey(t, 2048)
	text := public(t, key.Public())
	a := checking(t, jwt.Config{Keys: []jwt.Key{
		{ID: "rsa", PEMFile: file(t, text), Algorithms: []string{"RS256"}}, {ID: "hmac", Secret: theSecret},
	}})
	part := func(v any) string {
		text, _ := json.Marshal(v)
		return base64.RawURLEncoding.EncodeToString(text)
	}
	der, _ := x509.MarshalPKIXPublicKey(key.Public())
	ofRSA := signer{gojwt.SigningMethodRS256, key, "rsa"}
	for name, token := range map[string]string{
		"the public key as a secret": signer{gojwt.SigningMethodHS256, []byte(text), "rsa"}.sign(t, good()),
		"its bytes as a secret":      signer{gojwt.SigningMethodHS256, der, "rsa"}.sign(t, good()),
		"without a kid":              signer{gojwt.SigningMethodHS256, []byte(text), ""}.sign(t, good()),
		"none":                       part(map[string]any{"alg": "none"}) + "." + part(good()) + ".",
		"NONE with a kid":            part(map[string]any{"alg": "NONE", "kid": "rsa"}) + "." + part(good()) + ".",
		"no alg":                     part(map[string]any{"kid": "rsa"}) + "." + part(good()) + ".",
		"an alg that is no string":   part(map[string]any{"alg": 7}) + "." + part(good()) + ".",
		"not the key's own alg":      signer{gojwt.SigningMethodRS512, key, "rsa"}.sign(t, good()),
		"another key's kid":          signer{gojwt.SigningMethodRS256, key, "hmac"}.sign(t, good()),
		"an unknown kid":             signer{gojwt.SigningMethodRS256, key, "../../dev/null"}.sign(t, good()),
		"a kid that is no string":    ofRSA.signWith(t, good(), map[string]any{"kid": []any{"rsa"}}),
		"a null as kid":              ofRSA.signWith(t, good(), map[string]any{"kid": nil}),
		"a critical header":          ofRSA.signWith(t, good(), map[string]any{"crit": []any{"b64"}, "b64": false}),
		"a key that it brings":       signer{gojwt.SigningMethodRS256, rsaKey(t, 2048), "rsa"}.signWith(t, good(), map[string]any{"jwk": map[string]any{}}),
	} {
		t.Run(name, func(t *testing.T) { refused(t, a, bearing(token), jwt.CodeInvalid) })
	}
	accepted(t, a, ofRSA.sign(t, good()))
	accepted(t, a, secretly("hmac").sign(t, good()))
}

func TestRefusals(t *testing.T) {
	a := checking(t, jwt.Config{
		Keys: []jwt.Key{{Secret: theSecret}}, Issuers: []string{"login", "old login"}, Audiences: []string{"live", "chat"},
		Leeway: 10 * time.Second, MaxLifetime: 2 * time.Hour, Claims: jwt.Claims{Rooms: "rooms", Metadata: map[string]string{"size": "size"}},
	})
	ours := func(more ...any) map[string]any {
		return good(append([]any{"iss", "login", "aud", "live"}, more...)...)
	}
	s := secretly("")
	fine := s.sign(t, ours())
	for name, c := range map[string]struct{ token, code string }{
		"nothing":            {"", jwt.CodeMissing},
		"words":              {"let me in", jwt.CodeInvalid},
		"two parts":          {"e30.e30", jwt.CodeInvalid},
		"a changed payload":  {strings.Replace(fine, ".", ".e", 1), jwt.CodeInvalid},
		"a cut signature":    {fine[:len(fine)-3], jwt.CodeInvalid},
		"no signature":       {fine[:strings.LastIndex(fine, ".")+1], jwt.CodeInvalid},
		"huge":               {s.sign(t, ours("pad", strings.Repeat("x", 9<<10))), jwt.CodeInvalid},
		"another's secret":   {signer{s.method, []byte(otherSecret), ""}.sign(t, ours()), jwt.CodeInvalid},
		"expired":            {s.sign(t, ours("exp", in(-11*time.Second))), jwt.CodeExpired},
		"expired long ago":   {s.sign(t, ours("exp", 0)), jwt.CodeExpired},
		"expired and forged": {signer{s.method, []byte(otherSecret), ""}.sign(t, ours("exp", 1)), jwt.CodeInvalid},
		"no exp":             {s.sign(t, ours("exp", nil)), jwt.CodeInvalid},
		"exp as text":        {s.sign(t, ours("exp", "tomorrow")), jwt.CodeInvalid},
		"exp past all times": {s.sign(t, ours("exp", 1e11)), jwt.CodeInvalid},
		"too long a life":    {s.sign(t, ours("exp", in(3*time.Hour))), jwt.CodeInvalid},
		"not yet":            {s.sign(t, ours("nbf", in(time.Minute))), jwt.CodeNotYet},
		"another issuer":     {s.sign(t, ours("iss", "evil")), jwt.CodeInvalid},
		"no issuer":          {s.sign(t, ours("iss", nil)), jwt.CodeInvalid},
		"issuers":            {s.sign(t, ours("iss", []string{"login"})), jwt.CodeInvalid},
		"another audience":   {s.sign(t, ours("aud", []string{"mail", "shop"})), jwt.CodeInvalid},
		"no audience":        {s.sign(t, ours("aud", nil)), jwt.CodeInvalid},
		"no user":            {s.sign(t, ours("sub", nil)), jwt.CodeClaims},
		"an empty user":      {s.sign(t, ours("sub", "")), jwt.CodeClaims},
		"a user with a NUL":  {s.sign(t, ours("sub", "a\x00")), jwt.CodeClaims},
		"half a user":        {s.sign(t, ours("sub", 1.5)), jwt.CodeClaims},
		"a user as a map":    {s.sign(t, ours("sub", map[string]any{})), jwt.CodeClaims},
		"four rooms":         {s.sign(t, ours("rooms", []string{"a", "b", "c", "d"})), jwt.CodeClaims},
		"a vast number":      {s.sign(t, ours("size", json.Number("1e400"))), jwt.CodeClaims},
		"a name as a list":   {s.sign(t, ours("jti", []any{"a"})), jwt.CodeClaims},
		"too long a name":    {s.sign(t, ours("jti", strings.Repeat("x", 257))), jwt.CodeClaims},
		"rooms of maps":      {s.sign(t, ours("rooms", []any{map[string]any{}})), jwt.CodeClaims},
	} {
		t.Run(name, func(t *testing.T) {
			r := refused(t, a, bearing(c.token), c.code)
			for part := range strings.SplitSeq(c.token, ".") {
				if len(part) > 3 && strings.Contains(r.Error(), part) {
					t.Errorf("%q quotes the token", r)
				}
			}
		})
	}
	accepted(t, a, fine)
	accepted(t, a, s.sign(t, ours("iss", "old login", "aud", []string{"mail", "chat"})))
	accepted(t, a, s.sign(t, ours("nbf", in(5*time.Second), "exp", in(-5*time.Second))))
}

// Of a claim that stands twice the last one counts, for the checks and for
// what they are about alike.
func TestClaimsThatStandTwice(t *testing.T) {
	a := checking(t, jwt.Config{Keys: []jwt.Key{{Secret: theSecret}}, Issuers: []string{"login"}})
	raw := func(payload string) string {
		head := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256"}`)) + "." +
			base64.RawURLEncoding.EncodeToString([]byte(payload))
		signature, err := gojwt.SigningMethodHS256.Sign(head, []byte(theSecret))
		if err != nil {
			t.Fatal(err)
		}
		return head + "." + base64.RawURLEncoding.EncodeToString(signature)
	}
	got := accepted(t, a, raw(`{"iss":"evil","sub":"eve","exp":1,"iss":"login","sub":"ada","exp":4000000000}`))
	if got.User != "ada" || got.ExpiresAt.Unix() != 4000000000 {
		t.Errorf("%+v", got)
	}
	refused(t, a, bearing(raw(`{"iss":"login","sub":"ada","exp":4000000000,"iss":"evil"}`)), jwt.CodeInvalid)
	refused(t, a, bearing(raw(`{"ISS":"login","sub":"ada","exp":4000000000}`)), jwt.CodeInvalid)
	refused(t, a, bearing(raw(`[]`)), jwt.CodeInvalid)
	refused(t, a, bearing(raw(`null`)), jwt.CodeInvalid)
	refused(t, a, bearing(raw(strings.Repeat(`{"a":`, 1000))), jwt.CodeInvalid)
}

func TestClaimsMakeTheClient(t *testing.T) {
	s := secretly("")
	for _, c := range []struct {
		name   string
		claims jwt.Claims
		token  map[string]any
		want   authn.Identity
	}{
		{"the least", jwt.Claims{}, good("rooms", "a"), authn.Identity{User: "ada"}},
		{"a number", jwt.Claims{}, good("sub", 9007199254740993), authn.Identity{User: "9007199254740993"}},
		{
			"paths",
			jwt.Claims{User: "user.id", Rooms: "realm_access.roles", RoomPrefix: "role:"},
			good("user", map[string]any{"id": 7}, "realm_access", map[string]any{"roles": []any{"a", 8}}),
			authn.Identity{User: "7", Rooms: []string{"role:a", "role:8"}},
		},
		{
			"names with dots",
			jwt.Claims{Rooms: "https://example.com/roles"},
			good("https://example.com/roles", "a"),
			authn.Identity{User: "ada", Rooms: []string{"a"}},
		},
		{"a name of its own", jwt.Claims{}, good("jti", "t-1"), authn.Identity{User: "ada", TokenID: "t-1"}},
		{"a number as name", jwt.Claims{}, good("jti", 7), authn.Identity{User: "ada", TokenID: "7"}},
		{"an empty name", jwt.Claims{}, good("jti", ""), authn.Identity{User: "ada"}},
		{
			"metadata",
			jwt.Claims{Metadata: map[string]string{"tenant": "org.id", "n": "n", "gone": "gone"}},
			good("org", map[string]any{"id": "acme"}, "n", json.Number("12345678901234567890")),
			authn.Identity{User: "ada", Metadata: []byte(`{"n":12345678901234567890,"tenant":"acme"}`)},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := checking(t, jwt.Config{Keys: []jwt.Key{{Secret: theSecret}}, Leeway: time.Second, Claims: c.claims})
			c.want.ExpiresAt = time.Unix(c.token["exp"].(int64)+1, 0) // with the leeway
			if diff := cmp.Diff(c.want, accepted(t, a, s.sign(t, c.token))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestNameOfTheToken(t *testing.T) {
	s := secretly("")
	a := checking(t, jwt.Config{Keys: []jwt.Key{{Secret: theSecret}}, Leeway: 5 * time.Second})
	made := in(-time.Minute)
	named := accepted(t, a, s.sign(t, good("jti", "t-1", "iat", made)))
	if want := time.Unix(made-5, 0); named.TokenID != "t-1" || !named.IssuedAt.Equal(want) {
		t.Errorf("got %q of %v, want t-1 of %v", named.TokenID, named.IssuedAt, want)
	}
	nameless := accepted(t, a, s.sign(t, good()))
	if nameless.TokenID != "" || !nameless.IssuedAt.IsZero() {
		t.Errorf("got %q of %v", nameless.TokenID, nameless.IssuedAt)
	}
	for name, claims := range map[string]map[string]any{
		"no name":   good("jti", []string{"t"}),
		"too long":  good("jti", strings.Repeat("x", 257)),
		"no time":   good("iat", "yesterday"),
		"with NULs": good("jti", "a\x00"),
	} {
		t.Run(name, func(t *testing.T) { refused(t, a, bearing(s.sign(t, claims)), jwt.CodeClaims) })
	}
}

func TestWhereTheTokenIs(t *testing.T) {
	token := secretly("").sign(t, good())
	everywhere := authn.Claims{
		Auth:    []byte(`{"user":{"jwt":"` + token + `"},"token":"bad","n":{"token":7}}`),
		Query:   map[string]string{"access": token, "bad": "bad"},
		Headers: map[string]string{"authorization": "Bearer " + token, "cookie": "a=b; session=" + token},
	}
	for name, c := range map[string]struct {
		at   jwt.Token
		code string
	}{
		"by default":             {jwt.Token{}, jwt.CodeInvalid},
		"a path":                 {jwt.Token{Auth: "user.jwt"}, ""},
		"a header":               {jwt.Token{Header: "authorization"}, ""},
		"a cookie":               {jwt.Token{Cookie: "session", Query: "bad"}, ""},
		"the query":              {jwt.Token{Query: "access"}, ""},
		"the query, none else":   {jwt.Token{Auth: "x", Header: "x", Query: "access"}, ""},
		"auth goes first":        {jwt.Token{Auth: "token", Header: "authorization"}, jwt.CodeInvalid},
		"the header goes second": {jwt.Token{Header: "authorization", Query: "bad"}, ""},
		"not where it should be": {jwt.Token{Query: "token"}, jwt.CodeMissing},
		"a number":               {jwt.Token{Auth: "n.token"}, jwt.CodeInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			a := checking(t, jwt.Config{Keys: []jwt.Key{{Secret: theSecret}}, Token: c.at})
			h := authn.Handshake{Claims: everywhere}
			if c.code != "" {
				refused(t, a, h, c.code)
			} else if _, err := a.Authenticate(t.Context(), h); err != nil {
				t.Error(err)
			}
		})
	}
	a := checking(t, jwt.Config{Keys: []jwt.Key{{Secret: theSecret}}})
	for _, auth := range []string{``, `{}`, `null`, `"x"`, `[]`, `{"token":null}`, `{"token":""}`} {
		refused(t, a, authn.Handshake{Claims: authn.Claims{Auth: []byte(auth)}}, jwt.CodeMissing)
	}
}

// Two keys stand side by side while the issuer moves from one to the other.
// What the client says in an event goes before what it said when it connected.
func TestTokenOfAnEvent(t *testing.T) {
	a := checking(t, jwt.Config{Keys: []jwt.Key{{Secret: theSecret}}})
	h := bearing("old")
	h.Cause, h.Payload = authn.CauseEvent, []authn.Arg{{JSON: bearing(secretly("").sign(t, good())).Claims.Auth}}
	if identity, err := a.Authenticate(t.Context(), h); err != nil || identity.User != "ada" {
		t.Errorf("%+v, %v", identity, err)
	}
	h.Payload = []authn.Arg{{JSON: []byte(`{"token":5}`)}}
	refused(t, a, h, jwt.CodeInvalid)
}

func TestRotationOfStaticKeys(t *testing.T) {
	a := checking(t, jwt.Config{Keys: []jwt.Key{{ID: "old", Secret: theSecret}, {ID: "new", Secret: otherSecret}}})
	method := gojwt.SigningMethodHS256
	for _, s := range []signer{
		{method, []byte(theSecret), "old"}, {method, []byte(otherSecret), "new"}, {method, []byte(otherSecret), ""},
	} {
		accepted(t, a, s.sign(t, good()))
	}
	refused(t, a, bearing(signer{method, []byte(theSecret), "new"}.sign(t, good())), jwt.CodeInvalid)
}

func TestConfigFaults(t *testing.T) {
	weak := file(t, public(t, rsaKey(t, 1024).Public()))
	ofEC := public(t, ecKey(t, elliptic.P256()).Public())
	for name, c := range map[string]struct {
		cfg  jwt.Config
		want string
	}{
		"nothing":                 {jwt.Config{}, "keys: at least one"},
		"a short secret":          {jwt.Config{Keys: []jwt.Key{{Secret: "short"}}}, "keys[0]: secret: "},
		"a short secret in file":  {jwt.Config{Keys: []jwt.Key{{SecretFile: file(t, "short")}}}, "too short"},
		"a weak RSA key":          {jwt.Config{Keys: []jwt.Key{{PEMFile: weak}}}, "too short"},
		"two sources":             {jwt.Config{Keys: []jwt.Key{{Secret: theSecret, PEMFile: weak}}}, "needs one of"},
		"a public key as secret":  {jwt.Config{Keys: []jwt.Key{{Secret: authn.Secret(ofEC)}}}, "belongs into pem_file"},
		"its file as secret_file": {jwt.Config{Keys: []jwt.Key{{SecretFile: file(t, ofEC)}}}, "belongs into pem_file"},
		"an alg that does not fit": {
			jwt.Config{Keys: []jwt.Key{{PEMFile: file(t, ofEC), Algorithms: []string{"HS256"}}}}, `does not fit algorithm "HS256"`,
		},
		"none":                {jwt.Config{Keys: []jwt.Key{{Secret: theSecret, Algorithms: []string{"none"}}}}, `does not fit algorithm "none"`},
		"no file":             {jwt.Config{Keys: []jwt.Key{{PEMFile: "nowhere.pem"}}}, "nowhere.pem"},
		"no PEM":              {jwt.Config{Keys: []jwt.Key{{PEMFile: file(t, "x")}}}, "holds no PEM block"},
		"a PEM without a kid": {jwt.Config{Keys: []jwt.Key{{PEMFile: weak}}, JWKS: jwt.JWKS{URL: "https://x"}}, "keys[0].id: "},
		"plain text":          {jwt.Config{JWKS: jwt.JWKS{URL: "http://login.example.com/"}}, "jwks.url: is not https"},
		"no URL":              {jwt.Config{JWKS: jwt.JWKS{URL: "login.example.com"}}, "jwks.url: is no URL"},
		"no file of a CA":     {jwt.Config{JWKS: jwt.JWKS{URL: "https://x", CA: "nowhere.pem"}}, "jwks.ca: open nowhere.pem"},
		"a CA that is none":   {jwt.Config{JWKS: jwt.JWKS{URL: "https://x", CA: file(t, "x")}}, "holds no certificate"},
		"a CA without TLS":    {jwt.Config{JWKS: jwt.JWKS{URL: "http://localhost/", CA: "x"}}, "jwks.ca: is of no use"},
		"times":               {jwt.Config{JWKS: jwt.JWKS{URL: "https://x", MaxAge: time.Second}}, "jwks.max_age"},
		"a header": {
			jwt.Config{Keys: []jwt.Key{{Secret: theSecret}}, Token: jwt.Token{Header: "Authorization"}}, "token.header",
		},
		"negative": {jwt.Config{Keys: []jwt.Key{{Secret: theSecret}}, Leeway: -1}, "leeway"},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := jwt.New(c.cfg, 3, quiet())
			if err == nil {
				a.Close()
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), theSecret) {
				t.Errorf("%q lacks %q, or holds the secret", err, c.want)
			}
		})
	}
}

// No bytes from outside make more than a refusal, and only what was signed
// makes a client.
func FuzzAuthenticate(f *testing.F) {
	a := checking(f, jwt.Config{Keys: []jwt.Key{{Secret: theSecret}}})
	f.Add([]byte(`{"token":"` + signer{gojwt.SigningMethodHS256, []byte(otherSecret), ""}.sign(f, good()) + `"}`))
	f.Add([]byte(`{"token":"eyJhbGciOiJub25lIn0.e30."}`))
	f.Add([]byte(`{"token":"Bearer .."}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, auth []byte) {
		_, err := a.Authenticate(t.Context(), authn.Handshake{Claims: authn.Claims{Auth: auth}})
		var r *authn.Refusal
		if !errors.As(err, &r) || r.Temporary {
			t.Errorf("%v", err)
		}
	})
}

// Whatever an issuer signs makes either a sound identity or a refusal.
func FuzzMapping(f *testing.F) {
	a := checking(f, jwt.Config{Keys: []jwt.Key{{Secret: theSecret}}, Claims: jwt.Claims{
		User: "u.id", Rooms: "r", Metadata: map[string]string{"m": "m.n.o"},
	}})
	f.Add([]byte(`{"u":{"id":"ada"},"r":["a"],"m":{"n":{"o":[1e400]}},"exp":4000000000}`))
	f.Add([]byte(`{"u.id":-0,"r":7,"exp":4e9,"nbf":-1e300}`))
	f.Add([]byte(`{"u":{"id":"\ud800"},"exp":1e308}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		head := "eyJhbGciOiJIUzI1NiJ9." + base64.RawURLEncoding.EncodeToString(payload)
		signature, err := gojwt.SigningMethodHS256.Sign(head, []byte(theSecret))
		if err != nil {
			t.Fatal(err)
		}
		identity, err := a.Authenticate(t.Context(), bearing(head+"."+base64.RawURLEncoding.EncodeToString(signature)))
		if err != nil {
			return
		}
		if fault := identity.Check(3, time.Now()); fault != nil || identity.User == "" || identity.ExpiresAt.IsZero() {
			t.Errorf("%+v: %v", identity, fault)
		}
		if identity.Metadata != nil && !json.Valid(identity.Metadata) {
			t.Errorf("metadata %q", identity.Metadata)
		}
	})
}
