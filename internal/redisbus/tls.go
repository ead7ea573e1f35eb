package redisbus

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
)

// TLS says how connections to Redis are protected. The files are read for every
// new connection, so that certificates can be renewed without a restart.
type TLS struct {
	// Enabled turns TLS on. Default false: plain text.
	Enabled bool `yaml:"enabled"`
	// CA is a PEM file with the authorities that may vouch for Redis. Empty
	// means those of the system.
	CA string `yaml:"ca"`
	// Cert and Key are PEM files with which the server shows who it is (mTLS).
	// Empty means that it does not.
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
	// ServerName is the name that the certificates must have. Empty means the
	// host of the address.
	ServerName string `yaml:"server_name"`
}

// config is the configuration of a connection to an address.
func (t TLS) config(address string) (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if cfg.ServerName == "" {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		cfg.ServerName = host
	}
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
