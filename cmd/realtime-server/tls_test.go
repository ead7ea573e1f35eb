package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/internal/reload"
)

// ca is an authority that issues certificates.
type ca struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newCA(t *testing.T) *ca {
	t.Helper()
	c := &ca{}
	template := &x509.Certificate{IsCA: true, BasicConstraintsValid: true, Subject: pkix.Name{CommonName: "test authority"}}
	der, key := c.sign(t, template)
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &ca{cert, key}
}

// sign signs a certificate, that of the authority itself if it has none yet.
func (c *ca) sign(t *testing.T, template *x509.Certificate) (der []byte, key *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62)); err != nil {
		t.Fatal(err)
	}
	template.NotAfter = time.Now().Add(time.Hour)
	parent, signer := c.cert, c.key
	if parent == nil {
		parent, signer = template, key
	}
	if der, err = x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer); err != nil {
		t.Fatal(err)
	}
	return der, key
}

func encoded(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func (c *ca) pem() string { return encoded("CERTIFICATE", c.cert.Raw) }

// issue returns a certificate and its key.
func (c *ca) issue(t *testing.T, template *x509.Certificate) (certPEM, keyPEM string) {
	t.Helper()
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	der, key := c.sign(t, template)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return encoded("CERTIFICATE", der), encoded("PRIVATE KEY", pkcs8)
}

// server writes a certificate for loopback into a folder.
func (c *ca) server(t *testing.T, folder string) {
	t.Helper()
	cert, key := c.issue(t, &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}})
	replace(t, filepath.Join(folder, "tls.crt"), cert)
	replace(t, filepath.Join(folder, "tls.key"), key)
}

// client is a TLS configuration that shows a certificate, if there is one.
func (c *ca) client(t *testing.T, template *x509.Certificate) *tls.Config {
	t.Helper()
	cfg := &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
	cfg.RootCAs.AddCert(c.cert)
	if template == nil {
		return cfg
	}
	pair, err := tls.X509KeyPair(pair(c.issue(t, template)))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Certificates = []tls.Certificate{pair}
	return cfg
}

func pair(cert, key string) (certPEM, keyPEM []byte) { return []byte(cert), []byte(key) }

func named(name string) *x509.Certificate {
	return &x509.Certificate{Subject: pkix.Name{CommonName: name}}
}

// mutual are the settings of a listener with certificates in a folder.
func mutual(folder string, more ...string) []string {
	return append([]string{
		"--set", "grpc.tls.cert=" + filepath.Join(folder, "tls.crt"), "--set", "grpc.tls.key=" + filepath.Join(folder, "tls.key"),
		"--set", "grpc.tls.client_ca=" + filepath.Join(folder, "ca.crt"),
	}, more...)
}

func TestClientCertificates(t *testing.T) {
	ours, theirs, folder := newCA(t), newCA(t), t.TempDir()
	ours.server(t, folder)
	replace(t, filepath.Join(folder, "ca.crt"), ours.pem())
	const key, reader = "key-0123456789abcdef", "reader-0123456789abc"
	s := serving(t, devConfig(t, mutual(folder,
		"--set", "grpc.api_keys={key: "+key+", reader: {key: "+reader+", scopes: [read]}}",
		"--set", `grpc.identities={shop: {spiffe: "spiffe://example.org/shop"}, mail: {dns: mail.example, scopes: [manage]}, ticker: {common_name: ticker, scopes: [send]}}`,
	)...))
	shop, err := url.Parse("spiffe://example.org/shop")
	if err != nil {
		t.Fatal(err)
	}
	foreign := theirs.client(t, named("ticker"))
	foreign.RootCAs = ours.client(t, nil).RootCAs // it knows the server well
	for name, c := range map[string]struct {
		client *tls.Config
		key    string
		want   codes.Code
	}{
		"nothing":                        {ours.client(t, nil), "", codes.Unauthenticated},
		"a key alone":                    {ours.client(t, nil), key, codes.OK},
		"an identity alone":              {ours.client(t, &x509.Certificate{URIs: []*url.URL{shop}}), "", codes.OK},
		"an identity without the scope":  {ours.client(t, named("ticker")), "", codes.PermissionDenied},
		"an identity by another name":    {ours.client(t, &x509.Certificate{DNSNames: []string{"mail.example"}}), "", codes.PermissionDenied},
		"no identity":                    {ours.client(t, named("nobody")), "", codes.Unauthenticated},
		"no identity, and a key":         {ours.client(t, named("nobody")), key, codes.OK},
		"two identities":                 {ours.client(t, &x509.Certificate{DNSNames: []string{"mail.example"}, URIs: []*url.URL{shop}}), key, codes.Unauthenticated},
		"both":                           {ours.client(t, &x509.Certificate{URIs: []*url.URL{shop}}), reader, codes.OK},
		"both, the identity does not":    {ours.client(t, named("ticker")), key, codes.PermissionDenied},
		"a wrong key, and an identity":   {ours.client(t, &x509.Certificate{URIs: []*url.URL{shop}}), "wrong", codes.Unauthenticated},
		"of an authority that is not in": {foreign, key, codes.Unavailable},
	} {
		conn := calling(t, s.address, credentials.NewTLS(c.client))
		if got := count(t.Context(), conn, c.key); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}

	conn := calling(t, s.address, credentials.NewTLS(ours.client(t, &x509.Certificate{URIs: []*url.URL{shop}})))
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+key)
	_, err = realtimev1.NewRealtimeClient(conn).Disconnect(ctx, &realtimev1.DisconnectRequest{Target: &realtimev1.Target{Users: []string{"ada"}}})
	if err != nil {
		t.Fatal(err)
	}
	s.log.want(t, "audit=true method=Disconnect api_key=key identity=shop namespace=/ target.rooms=0 target.users=1 target.connections=0 code=OK")
}

func TestClientCertificateIsNeeded(t *testing.T) {
	ours, folder := newCA(t), t.TempDir()
	ours.server(t, folder)
	replace(t, filepath.Join(folder, "ca.crt"), ours.pem())
	const key = "key-0123456789abcdef"
	s := serving(t, devConfig(t, mutual(folder, "--set", "grpc.tls.require_client_cert=true", "--set", "grpc.api_keys={key: "+key+"}")...))
	for name, c := range map[string]struct {
		client *tls.Config
		key    string
		want   codes.Code
	}{
		"no certificate":    {ours.client(t, nil), key, codes.Unavailable},
		"a certificate":     {ours.client(t, named("anybody")), "", codes.Unauthenticated},
		"and the right key": {ours.client(t, named("anybody")), key, codes.OK},
	} {
		if got := count(t.Context(), calling(t, s.address, credentials.NewTLS(c.client)), c.key); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestCertificatesChange(t *testing.T) {
	before, after, folder := newCA(t), newCA(t), t.TempDir()
	before.server(t, folder)
	replace(t, filepath.Join(folder, "ca.crt"), before.pem())
	s := serving(t, devConfig(t, mutual(folder, "--set", "grpc.identities={a: {common_name: a}}")...))
	old := calling(t, s.address, credentials.NewTLS(before.client(t, named("a"))))
	if code := count(t.Context(), old, ""); code != codes.OK {
		t.Fatal(code)
	}

	replace(t, filepath.Join(folder, "ca.crt"), "no certificate")
	hangUp(t)
	s.log.want(t, "could not be read anew")
	if code := count(t.Context(), calling(t, s.address, credentials.NewTLS(before.client(t, named("a")))), ""); code != codes.OK {
		t.Errorf("a faulty file has changed something: %v", code)
	}

	after.server(t, folder)
	replace(t, filepath.Join(folder, "ca.crt"), after.pem())
	hangUp(t)
	s.log.want(t, "files were read anew")
	if code := count(t.Context(), calling(t, s.address, credentials.NewTLS(after.client(t, named("a")))), ""); code != codes.OK {
		t.Errorf("with new certificates: %v", code)
	}
	stale := before.client(t, named("a"))
	stale.RootCAs = after.client(t, nil).RootCAs
	if code := count(t.Context(), calling(t, s.address, credentials.NewTLS(stale)), ""); code != codes.Unavailable {
		t.Errorf("a certificate of the old authority: %v", code)
	}
	if code := count(t.Context(), old, ""); code != codes.OK {
		t.Errorf("a connection that was there: %v", code)
	}
}

func TestCertificateOfBrowsersChanges(t *testing.T) {
	ours, folder := newCA(t), t.TempDir()
	ours.server(t, folder)
	s := serving(t, devConfig(t, "--set", "http.tls.cert="+filepath.Join(folder, "tls.crt"), "--set", "http.tls.key="+filepath.Join(folder, "tls.key")))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() { _ = serveHTTP(s.browsers, l) }) // ends with Close
	t.Cleanup(func() {
		_ = s.browsers.Close()
		running.Wait()
	})
	shown := func() string {
		t.Helper()
		conn, err := tls.Dial("tcp", l.Addr().String(), ours.client(t, nil))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	first := shown()
	if again := shown(); again != first {
		t.Fatalf("%s became %s", first, again)
	}
	ours.server(t, folder)
	hangUp(t)
	s.log.want(t, "files were read anew")
	if now := shown(); now == first {
		t.Error("the old certificate is shown")
	}
}

func TestTLSRefused(t *testing.T) {
	_, err := load(t, "", []string{aBackend}, "--set", "grpc.tls.require_client_cert=true", "--set", "grpc.identities={a: {common_name: a}}")
	wantFaults(t, err, "grpc.tls: require_client_cert needs client_ca", "grpc.identities: need grpc.tls.client_ca")
	_, err = load(t, "", []string{aBackend, anAPIKey}, "--set", "grpc.tls.client_ca=ca.pem")
	wantFaults(t, err, "grpc.tls: client_ca needs cert and key")
	folder := t.TempDir()
	newCA(t).server(t, folder)
	if err := os.WriteFile(filepath.Join(folder, "ca.crt"), []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := sound(t, "", []string{aBackend, anAPIKey}, mutual(folder)...)
	files := reload.New(slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if _, err := serverTLS("grpc_tls", cfg.GRPC.TLS, files); err == nil || !strings.Contains(err.Error(), "client_ca: there is no certificate") {
		t.Errorf("got %v", err)
	}
}
