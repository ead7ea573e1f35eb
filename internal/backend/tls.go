package backend

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// TLS says how the connection to a backend is protected.
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

func (t TLS) credentials() (credentials.TransportCredentials, error) {
	if !t.Enabled {
		return insecure.NewCredentials(), nil
	}
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
	return credentials.NewTLS(cfg), nil
}
