package authority_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/seed52a35d2d/realtime-server/authn/apikey"
	"github.com/seed52a35d2d/realtime-server/authn/authority"
)

const (
	blue  = "blue-0123456789abcdef"
	green = "green-0123456789abcdef"
)

// sound are the callers of what has no fault.
func sound(t *testing.T, keys map[string]authority.Key, identities map[string]authority.Identity) *authority.Callers {
	t.Helper()
	callers, err := authority.New(keys, identities)
	if err != nil {
		t.Fatal(err)
	}
	return callers
}

// only is the one caller of a grant.
func only(t *testing.T, grant authority.Grant) *authority.Caller {
	t.Helper()
	caller, err := sound(t, map[string]authority.Key{"blue": {Secret: blue, Grant: grant}}, nil).ByKey("Bearer " + blue)
	if err != nil {
		t.Fatal(err)
	}
	return caller
}

func TestParseKeys(t *testing.T) {
	const file = `
shop: 0123456789abcdef
number: 1234567890123456
&team team:
  key: fedcba9876543210
  scopes: &some [send, read]
  namespaces: [/chat, '^/team-\d+$']
  room_prefixes: ["team-a:"]
  calls_per_second: 2.5
  burst: 10
other: {key: other-0123456789, scopes: *some}
`
	got, err := authority.ParseKeys([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	some := []authority.Scope{authority.Send, authority.Read}
	want := map[string]authority.Key{
		"shop":   {Secret: "0123456789abcdef"},
		"number": {Secret: "1234567890123456"},
		"team": {Secret: "fedcba9876543210", Grant: authority.Grant{
			Scopes: some, Namespaces: []string{"/chat", `^/team-\d+$`}, RoomPrefixes: []string{"team-a:"}, CallsPerSecond: 2.5, Burst: 10,
		}},
		"other": {Secret: "other-0123456789", Grant: authority.Grant{Scopes: some}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What is misspelt or left out by accident must not mean everything, and no
// fault says what may be a secret.
func TestParseKeysRefuses(t *testing.T) {
	for file, want := range map[string]string{
		"":                               "is empty",
		"# nothing":                      "is empty",
		"{}":                             "has no keys",
		"hushhushhushhush":               "wants a map",
		"[hushhushhushhush]":             "wants a map",
		"a: hush\n---\nb: hush":          "more than one YAML document",
		"a: {key: hush, scops: [send]}":  `line 1: an API key has no setting "scops"`,
		"a: {key: hush, scopes: }":       "line 1: scopes has no value",
		"a: {key: hush, scopes: []}":     "line 1: scopes has no value",
		"a: {key: hush, namespaces: ~}":  "line 1: namespaces has no value",
		"a: {key: hush, burst: hush}":    "line 1: burst has a value of the wrong kind",
		"a: {key: [hush]}":               "line 1: key has a value of the wrong kind",
		"a: {key: hush, key: hush}":      "line 1: key stands twice",
		"a: [hush]":                      "line 1: an API key wants a map",
		"a: hush\na: hush":               "already defined",
		"a: {key: hush, scopes: hush}":   "line 1: scopes has a value of the wrong kind",
		"a: {key: hush,\n b: c}\nd: [e]": "line 3: an API key wants a map",
		"a: {":                           "yaml:",
	} {
		keys, err := authority.ParseKeys([]byte(file))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%q: %v, %v, want %q", file, keys, err, want)
		}
	}
}

func FuzzParseKeys(f *testing.F) {
	for _, seed := range []string{"a: 0123456789abcdef", "a: {key: x, scopes: [send], burst: 1}", "a: &b {key: x}\nc: *b", "a: {<<: {key: x}}", "? [a]\n: b", "&a a: *a"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		keys, err := authority.ParseKeys(file)
		if (err == nil) != (len(keys) > 0) {
			t.Fatalf("%d keys, and %v", len(keys), err)
		}
		if err != nil {
			return
		}
		callers, err := authority.New(keys, nil)
		if err != nil {
			return
		}
		for name, key := range keys {
			if caller, err := callers.ByKey("Bearer " + string(key.Secret)); err != nil || caller.Name != name {
				t.Fatalf("%q is %v, %v", name, caller, err)
			}
		}
	})
}

func TestSecretsAreNotPrinted(t *testing.T) {
	keys := map[string]authority.Key{
		"plain": {Secret: blue}, "limited": {Secret: green, Grant: authority.Grant{Scopes: []authority.Scope{authority.Send}}},
	}
	text, err := yaml.Marshal(keys)
	if err != nil {
		t.Fatal(err)
	}
	const want = "limited:\n    key: '********'\n    scopes:\n        - send\nplain: '********'\n"
	if string(text) != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if said := fmt.Sprintf(verb, keys); strings.Contains(said, blue) || strings.Contains(said, green) {
			t.Errorf("%s: %s", verb, said)
		}
	}
}

func TestNewReportsEveryFault(t *testing.T) {
	fits := authority.Identity{DNS: "shop.example"}
	_, err := authority.New(map[string]authority.Key{
		"":      {Secret: "a-0123456789abcdef"},
		"short": {Secret: "short"},
		"bad": {Secret: blue, Grant: authority.Grant{
			Scopes: []authority.Scope{"root"}, Namespaces: []string{"chat", "^/(", "^/a"}, RoomPrefixes: []string{""}, CallsPerSecond: -1, Burst: -1,
		}},
		"twin":                   {Secret: blue},
		"both":                   {Secret: green, Grant: authority.Grant{Burst: 5}},
		strings.Repeat("x", 129): {Secret: "x-0123456789abcdef"},
	}, map[string]authority.Identity{
		"nothing": {}, "two": {DNS: "a", CommonName: "b"}, "first": fits, "second": fits,
		"both": {SPIFFE: "https://example.org/a"}, "host": {SPIFFE: "spiffe:///a"},
	})
	if err == nil {
		t.Fatal("no fault")
	}
	for _, want := range []string{
		"api_keys: a key has no name", "api_keys.short: is shorter", "api_keys.twin: has the same key",
		`api_keys.bad: scopes: "root"`, `api_keys.bad: namespaces: "chat"`, `api_keys.bad: namespaces: "^/("`, `api_keys.bad: namespaces: "^/a"`,
		"api_keys.bad: room_prefixes: ", "api_keys.bad: calls_per_second: ", "api_keys.bad: burst: ", "api_keys.both: burst: ",
		`"xxxxxxxxxxxxxxxxxxxx" is no name`, `a key and an identity are both named "both"`,
		"identities.nothing: needs exactly one", "identities.two: needs exactly one", `identities.second: fits the same certificates as "first"`,
		"identities.both: spiffe: is no URI", "identities.host: spiffe: is no URI",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not among\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), blue) || strings.Contains(err.Error(), green) {
		t.Errorf("%q tells a key", err)
	}
}

func TestCaller(t *testing.T) {
	everything := only(t, authority.Grant{})
	for _, scope := range authority.Scopes() {
		if !everything.Has(scope) {
			t.Errorf("a key without limits lacks %s", scope)
		}
	}
	if everything.InNamespaces() || everything.InRooms() || !everything.Namespace("/a") || !everything.Lists("/*") || !everything.Room("") || everything.Take() != 0 {
		t.Error("a key without limits has some")
	}
	limited := only(t, authority.Grant{
		Scopes: []authority.Scope{authority.Send}, Namespaces: []string{"/", `^/team-\d+$`}, RoomPrefixes: []string{"a:", "b"},
	})
	if !limited.Has(authority.Send) || limited.Has(authority.Manage) || !limited.InNamespaces() || !limited.InRooms() {
		t.Error("a limited key is not")
	}
	for name, in := range map[string]bool{
		"/": true, "/team-1": true, `^/team-\d+$`: true, "": false, "/a": false, "/team-x": false, "/team-1/": false, "^/team-1$": false,
	} {
		if limited.Namespace(name) != in {
			t.Errorf("namespace %q: %v", name, !in)
		}
		if listed := name == "/" || name == `^/team-\d+$`; limited.Lists(name) != listed {
			t.Errorf("namespace %q is listed: %v", name, !listed)
		}
	}
	for name, in := range map[string]bool{"a:": true, "a:1": true, "b": true, "b1": true, "a": false, "": false, "A:1": false} {
		if limited.Room(name) != in {
			t.Errorf("room %q: %v", name, !in)
		}
	}
}

func TestTake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		caller := only(t, authority.Grant{CallsPerSecond: 2, Burst: 3})
		for i := range 3 {
			if wait := caller.Take(); wait != 0 {
				t.Fatalf("call %d waits %v", i, wait)
			}
		}
		for range 10 { // what is refused takes nothing
			if wait := caller.Take(); wait != 500*time.Millisecond {
				t.Fatalf("the fourth waits %v", wait)
			}
		}
		time.Sleep(500 * time.Millisecond)
		if wait := caller.Take(); wait != 0 {
			t.Errorf("half a second later: %v", wait)
		}
	})
}

func TestTakeWithoutABurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		caller := only(t, authority.Grant{CallsPerSecond: 1.5})
		for i, early := range []bool{false, false, true} { // those of a second, and one that is begun
			if wait := caller.Take(); (wait > 0) != early {
				t.Errorf("call %d waits %v", i, wait)
			}
		}
	})
}

func TestKeysChange(t *testing.T) {
	callers := sound(t, map[string]authority.Key{"fixed": {Secret: blue}}, map[string]authority.Identity{"cert": {CommonName: "cert"}})
	set := func(keys map[string]authority.Key) {
		t.Helper()
		if err := callers.SetMore(keys); err != nil {
			t.Fatal(err)
		}
	}
	rate := authority.Grant{CallsPerSecond: 0.001, Burst: 1}
	set(map[string]authority.Key{"more": {Secret: green, Grant: rate}})
	more, err := callers.ByKey("Bearer " + green)
	if err != nil || more.Take() != 0 {
		t.Fatal(err)
	}
	for want, keys := range map[string]map[string]authority.Key{
		"api_keys.fixed: stands twice":      {"fixed": {Secret: green}},
		"api_keys.more: has the same key":   {"more": {Secret: blue}},
		`are both named "cert"`:             {"cert": {Secret: green}},
		"api_keys.more: scopes: \"nobody\"": {"more": {Secret: green, Grant: authority.Grant{Scopes: []authority.Scope{"nobody"}}}},
	} {
		if err := callers.SetMore(keys); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
		if now := callers.Now(more); now != more {
			t.Errorf("a faulty set has changed the caller to %v", now)
		}
	}

	set(map[string]authority.Key{"more": {Secret: "more-0123456789abcdef", Grant: rate}})
	if _, err := callers.ByKey("Bearer " + green); !errors.Is(err, apikey.ErrInvalid) {
		t.Errorf("the old secret: %v", err)
	}
	now, err := callers.ByKey("Bearer more-0123456789abcdef")
	if err != nil || callers.Now(more) != now {
		t.Fatalf("the new secret: %v", err)
	}
	if now.Take() == 0 {
		t.Error("reading the keys anew has refilled the bucket")
	}
	set(nil)
	if callers.Now(more) != nil {
		t.Error("a key that was taken away is still there")
	}
	if fixed, err := callers.ByKey("Bearer " + blue); err != nil || callers.Now(fixed).Name != "fixed" {
		t.Errorf("a key of the configuration: %v", err)
	}
}

func certificate(name string, dns []string, uris ...string) *x509.Certificate {
	cert := &x509.Certificate{Subject: pkix.Name{CommonName: name}, DNSNames: dns}
	for _, text := range uris {
		u, _ := url.Parse(text)
		cert.URIs = append(cert.URIs, u)
	}
	return cert
}

func TestByCertificate(t *testing.T) {
	callers := sound(t, nil, map[string]authority.Identity{
		"spiffe": {SPIFFE: "spiffe://example.org/ns/a/sa/shop"}, "dns": {DNS: "Shop.example"}, "name": {CommonName: "shop"},
	})
	for _, c := range []struct {
		cert *x509.Certificate
		want string
		err  error
	}{
		{certificate("", nil, "spiffe://example.org/ns/a/sa/shop"), "spiffe", nil},
		{certificate("x", []string{"other.example", "shop.EXAMPLE"}), "dns", nil},
		{certificate("shop", nil), "name", nil},
		{certificate("shop", []string{"shop.example"}), "", authority.ErrTwoIdentities},
		{certificate("Shop", nil), "", authority.ErrNoIdentity},
		{certificate("", nil), "", authority.ErrNoIdentity},
		{certificate("", []string{"*.example", "a.shop.example"}), "", authority.ErrNoIdentity},
		{certificate("", nil, "spiffe://example.org/ns/a/sa/shop/x"), "", authority.ErrNoIdentity},
		{certificate("", nil, "spiffe://example.org/ns/a/sa/shop", "spiffe://example.org/ns/a/sa/root"), "", authority.ErrNoIdentity},
		{certificate("", []string{"spiffe://example.org/ns/a/sa/shop"}), "", authority.ErrNoIdentity},
	} {
		caller, err := callers.ByCertificate(c.cert)
		if !errors.Is(err, c.err) || c.want != "" && (caller == nil || caller.Name != c.want || caller.Kind != authority.ByCertificate) {
			t.Errorf("%q %q %v: got %v, %v", c.cert.Subject.CommonName, c.cert.DNSNames, c.cert.URIs, caller, err)
		}
	}
	if caller, err := sound(t, nil, nil).ByCertificate(certificate("shop", nil)); caller != nil || err != nil {
		t.Errorf("without identities: %v, %v", caller, err)
	}
}
