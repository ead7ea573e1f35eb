package backend

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// TLS says how the connection to a backend is protected. The files are read
// again for every connection, so renewed ones need no restart.
type TLS struct {
	// Enabled turns TLS on. Default false: plain text.
	Enabled bool `yaml:"enabled"`
	// CA is a PEM file with the authorities that may vouch for the backend.
	// Empty means those of the system.
	CA string `yaml:"ca"`
	// Cert and Key are PEM files with which the server shows who it is (mTLS).
	// Empty means that it does not.
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
	// ServerName is the name that the backend's certificate must have. Empty
	// means the host of the target.
	ServerName string `yaml:"server_name"`
}

func (t TLS) credentials(log *slog.Logger) (credentials.TransportCredentials, error) {
	if !t.Enabled {
		return insecure.NewCredentials(), nil
	}
	cfg, err := t.read()
	if err != nil {
		return nil, err
	}
	return &renewed{TransportCredentials: credentials.NewTLS(cfg), files: &tlsFiles{from: t, log: log, last: cfg}}, nil
}

// read reads the files.
func (t TLS) read() (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fmt.Errorf("tls.ca: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls.ca: no certificate in %s", t.CA)
		}
	}
	if t.Cert != "" {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fmt.Errorf("tls.cert: %w", err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}

// renewed are credentials that shake hands with what the files say now.
type renewed struct {
	credentials.TransportCredentials // what gRPC asks besides does not depend on the files

	files *tlsFiles
}

// ClientHandshake implements [credentials.TransportCredentials].
func (r *renewed) ClientHandshake(
	ctx context.Context, authority string, conn net.Conn,
) (net.Conn, credentials.AuthInfo, error) {
	return credentials.NewTLS(r.files.now(ctx)).ClientHandshake(ctx, authority, conn)
}

// Clone implements [credentials.TransportCredentials].
func (r *renewed) Clone() credentials.TransportCredentials {
	return &renewed{r.TransportCredentials.Clone(), r.files}
}

// tlsFiles are the files as they were when all of them could be read. A renewal
// writes one after the other, and may go wrong.
type tlsFiles struct {
	from TLS
	log  *slog.Logger

	mu      sync.Mutex // stands alone
	last    *tls.Config
	trouble string // the last one that was logged; empty if the files are fine
}

// now returns what the files say, or have said last.
func (f *tlsFiles) now(ctx context.Context) *tls.Config {
	cfg, err := f.from.read()
	f.mu.Lock()
	var trouble string
	if err != nil {
		trouble, cfg = err.Error(), f.last
	}
	f.last = cfg
	changed := trouble != f.trouble
	f.trouble = trouble
	f.mu.Unlock()
	switch {
	case changed && trouble != "":
		f.log.LogAttrs(ctx, slog.LevelWarn, "TLS files of the backend cannot be read; the former ones stay in force",
			slog.String("error", trouble))
	case changed:
		f.log.LogAttrs(ctx, slog.LevelInfo, "TLS files of the backend can be read again")
	}
	return cfg
}
