package backend

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/internal/backend/backendtest"
	"github.com/seed52a35d2d/realtime-server/internal/testenv"
)

// selfSigned writes a certificate for the name "backend" that is its own
// authority, and its key.
func selfSigned(t *testing.T) (certFile, keyFile string, pair tls.Certificate) {
	t.Helper()
	return selfSignedUntil(t, time.Now().Add(time.Hour))
}

func selfSignedUntil(t *testing.T, end time.Time) (certFile, keyFile string, pair tls.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		DNSNames:     []string{"backend"},
		NotAfter:     end,
		IsCA:         true, BasicConstraintsValid: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile = writePEM(t, "cert.pem", "CERTIFICATE", cert)
	keyFile = writePEM(t, "key.pem", "PRIVATE KEY", der)
	pair, err = tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	return certFile, keyFile, pair
}

func writePEM(t *testing.T, name, kind string, der []byte) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// serveTLS offers a backend that accepts everybody who has the certificate that
// it has itself.
func serveTLS(t *testing.T, address string, pair tls.Certificate) (target string, stop func()) {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AddCert(pair.Leaf)
	lis, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	stop = backendtest.ServeOn(t, &backendtest.Stub{
		AuthenticateFunc: func(context.Context, *realtimev1.AuthenticateRequest) (*realtimev1.AuthenticateResponse, error) {
			return &realtimev1.AuthenticateResponse{}, nil
		},
	}, tls.NewListener(lis, &tls.Config{
		Certificates: []tls.Certificate{pair},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    pool,
		NextProtos:   []string{"h2"},
	}))
	return lis.Addr().String(), stop
}

func TestTLSInBothDirections(t *testing.T) {
	certFile, keyFile, pair := selfSigned(t)
	target, _ := serveTLS(t, "127.0.0.1:0", pair)
	oldCert, _, oldPair := selfSignedUntil(t, time.Now().Add(-time.Hour))
	expired, _ := serveTLS(t, "127.0.0.1:0", oldPair)
	good := TLS{Enabled: true, CA: certFile, Cert: certFile, Key: keyFile, ServerName: "backend"}
	for _, test := range []struct {
		name   string
		target string
		edit   func(*TLS)
		log    string // what the operator reads, as a pattern; empty if all is well
	}{
		{"right", target, func(*TLS) {}, ""},
		{"plain text", target, func(c *TLS) { *c = TLS{} }, "error reading server preface"},
		{"other name", target, func(c *TLS) { c.ServerName = "other" }, "x509: certificate is valid for backend, not other"},
		{"unknown authority", target, func(c *TLS) { c.CA = "" }, "x509: certificate signed by unknown authority"},
		// They hang up while we write, and what they say may be lost.
		{"no client certificate", target, func(c *TLS) { c.Cert, c.Key = "", "" }, "tls: certificate required|broken pipe|connection reset"},
		{"expired", expired, func(c *TLS) { c.CA = oldCert }, "x509: certificate has expired"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, log := connect(t, test.target, func(cfg *Config) {
				cfg.TLS = good
				test.edit(&cfg.TLS)
			})
			err := authenticate(t.Context(), c)
			if test.log == "" {
				if err != nil || log.String() != "" {
					t.Errorf("%v, log %s", err, log)
				}
				return
			}
			wantCode(t, err, codes.Unavailable)
			if !regexp.MustCompile(test.log).MatchString(log.String()) {
				t.Errorf("the log says nothing of %q: %s", test.log, log)
			}
			wantLines(t, log, 1, "level=WARN")
		})
	}
}

// copyFile puts what is in one file into another, as a renewal does.
func copyFile(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, content, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A backend gets a new certificate of a new authority, and so do we; in between
// our files are half written.
func TestRenewedFilesNeedNoRestart(t *testing.T) {
	ourCert, ourKey, first := selfSigned(t)
	newCert, newKey, second := selfSigned(t)
	target, stop := serveTLS(t, testenv.OwnAddress(), first)
	c, log := connect(t, target, func(cfg *Config) {
		cfg.TLS = TLS{Enabled: true, CA: ourCert, Cert: ourCert, Key: ourKey, ServerName: "backend"}
	})
	if err := authenticate(t.Context(), c); err != nil {
		t.Fatal(err)
	}

	copyFile(t, newKey, ourKey) // and the certificate is the former one
	stop()
	_, stop = serveTLS(t, target, first)
	ready(t, c)
	if err := authenticate(t.Context(), c); err != nil {
		t.Errorf("with half-written files: %v", err)
	}
	if n := strings.Count(log.String(), "TLS files of the backend cannot be read"); n != 1 {
		t.Errorf("%d lines about the files: %s", n, log)
	}

	copyFile(t, newCert, ourCert)
	stop()
	serveTLS(t, target, second)
	ready(t, c)
	if err := authenticate(t.Context(), c); err != nil {
		t.Errorf("with renewed files: %v", err)
	}
	if n := strings.Count(log.String(), "can be read again"); n != 1 {
		t.Errorf("%d lines about the files: %s", n, log)
	}
}

func TestTLSFilesAreReadAtStart(t *testing.T) {
	cert, key, _ := selfSigned(t)
	for name, c := range map[string]TLS{
		"no such CA":      {Enabled: true, CA: "/nowhere.pem"},
		"CA without PEM":  {Enabled: true, CA: writePEM(t, "x.pem", "NOTHING", nil)},
		"key is no key":   {Enabled: true, Cert: cert, Key: cert},
		"cert is no cert": {Enabled: true, Cert: key, Key: key},
	} {
		cfg := DefaultConfig()
		cfg.Target, cfg.TLS = "localhost:1", c
		if _, err := New("test", cfg, Node{}, slog.New(slog.DiscardHandler), nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
