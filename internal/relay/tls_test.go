package relay

import (
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed52a35d2d/realtime-server/sio/engineio"
)

// httptestAuthority is a file with the certificate of httptest's servers.
func httptestAuthority(t *testing.T) string {
	t.Helper()
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	file := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// openTLS begins a session at a node whose door has TLS.
func (n *node) openTLS() (s *engineio.Session, query string) {
	n.t.Helper()
	trusting := DefaultConfig()
	trusting.CA = httptestAuthority(n.t)
	transport, err := newTransport(trusting)
	if err != nil {
		n.t.Fatal(err)
	}
	defer transport.CloseIdleConnections()
	client := http.Client{Transport: transport}
	response, err := client.Get(n.url + "/?EIO=4&transport=polling")
	if err != nil {
		n.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		n.t.Fatal(err)
	}
	return <-n.sessions, "EIO=4&transport=polling&sid=" + sidField.FindStringSubmatch(string(body))[1]
}

func TestConfig(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Errorf("the default: %v", err)
	}
	err := Config{MaxInFlight: -1}.Validate()
	if err == nil || err.Error() != "max_in_flight: -1 is not positive\ndial_timeout: 0s is not positive" {
		t.Errorf("faults are %v", err)
	}
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{empty: "no certificate", empty + "x": "no such file"} {
		cfg := DefaultConfig()
		cfg.CA = file
		if _, err := New(Params{Config: cfg}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestParseAddress(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.7:3000":         "http://10.0.0.7:3000",
		"rt-1:3000":             "http://rt-1:3000",
		"[fd00::7]:3000":        "http://[fd00::7]:3000",
		"https://10.0.0.7:3000": "https://10.0.0.7:3000",
		"https://rt-1.internal": "https://rt-1.internal",
		"":                      "",
		":3000":                 "",
		"http://":               "",
		"ftp://rt-1":            "",
		"http://rt-1/path":      "",
		"http://u:p@rt-1":       "",
		"http://rt-1?x":         "",
		"http://rt-1#x":         "",
		"http://rt 1":           "",
		"unix:///run/socket":    "",
	} {
		got, err := parseAddress(text)
		switch {
		case want == "" && err == nil:
			t.Errorf("%q is taken for %v", text, got)
		case want != "" && (err != nil || got.String() != want):
			t.Errorf("%q is %v, %v, not %s", text, got, err, want)
		}
	}
}

// TestTLS: polls and a WebSocket between nodes with certificates, and a node
// that nobody vouches for.
func TestTLS(t *testing.T) {
	w := newWorld()
	a := w.start(t, "aaaa", options{start: httptest.NewTLSServer})
	authority := httptestAuthority(t)
	trusting := DefaultConfig()
	trusting.CA, trusting.ServerName = authority, "example.com"
	b := w.start(t, "bbbb", options{config: trusting, start: httptest.NewTLSServer})
	distrusting := DefaultConfig()
	distrusting.CA, distrusting.ServerName = authority, "other.example"
	c := w.start(t, "cccc", options{config: distrusting})
	d := w.start(t, "dddd", options{})

	plain := httptest.NewServer(http.HandlerFunc(b.engine.ServeHTTP)) // clients without TLS
	t.Cleanup(plain.Close)
	b.url = plain.URL
	session, query := a.openTLS()
	if got := b.must(http.MethodPost, query, "4x", nil).String(); got != "200 ok" {
		t.Error(got)
	}
	s := b.upgrade(query)
	s.say(t, "2probe")
	if got := s.hear(t); got != "3probe" {
		t.Errorf("the probe is answered with %q", got)
	}
	s.say(t, "5")
	send(t, session, "over TLS")
	if got := s.hear(t); got != "4over TLS" {
		t.Error(got)
	}
	for _, n := range []*node{c, d} {
		if got := n.must(http.MethodGet, query, "", nil).String(); got != notReachable {
			t.Errorf("node %s got %s", n.tag, got)
		}
		n.wantCounted(unreachable, 1)
	}
}
