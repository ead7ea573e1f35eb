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
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/internal/backend/backendtest"
)

// selfSigned writes a certificate for the name "backend" that is its own
// authority, and its key.
func selfSigned(t *testing.T) (certFile, keyFile string, pair tls.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		DNSNames:     []string{"backend"},
		NotAfter:     time.Now().Add(time.Hour),
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

func TestTLSInBothDirections(t *testing.T) {
	certFile, keyFile, pair := selfSigned(t)
	pool := x509.NewCertPool()
	pool.AddCert(pair.Leaf)
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	backendtest.ServeOn(t, &backendtest.Stub{
		AuthenticateFunc: func(context.Context, *realtimev1.AuthenticateRequest) (*realtimev1.AuthenticateResponse, error) {
			return &realtimev1.AuthenticateResponse{}, nil
		},
	}, tls.NewListener(lis, &tls.Config{
		Certificates: []tls.Certificate{pair},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    pool,
		NextProtos:   []string{"h2"},
	}))
	good := TLS{Enabled: true, CA: certFile, Cert: certFile, Key: keyFile, ServerName: "backend"}
	for _, test := range []struct {
		name string
		edit func(*TLS)
		ok   bool
	}{
		{"right", func(*TLS) {}, true},
		{"plain text", func(c *TLS) { *c = TLS{} }, false},
		{"other name", func(c *TLS) { c.ServerName = "other" }, false},
		{"unknown authority", func(c *TLS) { c.CA = "" }, false},
		{"no client certificate", func(c *TLS) { c.Cert, c.Key = "", "" }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, _ := connect(t, lis.Addr().String(), func(cfg *Config) {
				cfg.TLS = good
				test.edit(&cfg.TLS)
			})
			err := authenticate(t.Context(), c)
			if test.ok && err != nil {
				t.Error(err)
			}
			if !test.ok {
				wantCode(t, err, codes.Unavailable)
			}
		})
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
