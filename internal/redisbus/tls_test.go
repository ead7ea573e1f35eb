package redisbus

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/seed52a35d2d/realtime-server/internal/testenv"
)

// issue writes a new certificate for the name "redis", which is its own
// authority, and its key.
func issue(t *testing.T, cert, key string) {
	t.Helper()
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		DNSNames:     []string{"redis"},
		NotAfter:     time.Now().Add(time.Hour),
		IsCA:         true, BasicConstraintsValid: true,
	}
	public, err := x509.CreateCertificate(rand.Reader, template, template, secret.Public(), secret)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		cert: {Type: "CERTIFICATE", Bytes: public}, key: {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// serveTLS lets a server accept TLS as well, from whoever has the certificate
// in the file, and returns where.
func serveTLS(t *testing.T, server *testenv.Redis, cert, key string) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(server.Host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	server.Do("CONFIG", "SET", "tls-port", port,
		"tls-cert-file", cert, "tls-key-file", key, "tls-ca-cert-file", cert, "tls-auth-clients", "yes")
	return l.Addr().String()
}

// TestCertificatesAreRenewed: both sides show certificates, which change while
// the bus runs.
func TestCertificatesAreRenewed(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t)
	cert, key := filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	issue(t, cert, key)
	cfg := quick(serveTLS(t, server, cert, key))
	cfg.TLS = TLS{Enabled: true, CA: cert, Cert: cert, Key: key, ServerName: "redis"}
	u := begin(t, cfg)
	u.want(StateOK)
	e := u.listen("room")
	u.say("room", "secret")
	e.wantNext("secret")
	if err := u.Client().Set(t.Context(), "key", "1", 0).Err(); err != nil {
		t.Error(err)
	}

	issue(t, cert, key)
	server.Do("CONFIG", "SET", "tls-cert-file", cert, "tls-key-file", key, "tls-ca-cert-file", cert)
	before := u.Health().Losses
	server.Do("CLIENT", "KILL", "TYPE", "pubsub")
	u.until("the loss is known", func() bool { return u.Health().Losses > before })
	u.want(StateOK)
	u.say("room", "renewed")
	e.wantNext("renewed")
}

func TestOtherCertificatesAreRefused(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t)
	cert, key := filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	issue(t, cert, key)
	address := serveTLS(t, server, cert, key)
	for name, edit := range map[string]func(*TLS){
		"another name":      func(c *TLS) { c.ServerName = "" },
		"another authority": func(c *TLS) { c.CA = "" },
		"none of ours":      func(c *TLS) { c.Cert, c.Key = "", "" },
		"no file":           func(c *TLS) { c.Cert += ".gone" },
		"not a certificate": func(c *TLS) { c.CA = key },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := quick(address)
			cfg.TLS = TLS{Enabled: true, CA: cert, Cert: cert, Key: key, ServerName: "redis"}
			edit(&cfg.TLS)
			u := begin(t, cfg)
			u.until("it was tried", func() bool { return u.errors(CauseConnect) >= 2 })
			if h := u.Health(); h.State != StateDegraded || h.Losses != 0 {
				t.Errorf("health %+v", h)
			}
		})
	}
}
