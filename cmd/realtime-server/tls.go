package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"sync/atomic"

	"github.com/seed52a35d2d/realtime-server/internal/reload"
)

// TLS names the PEM files of a listener. Without them it speaks plain text.
type TLS struct {
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
}

// MutualTLS is TLS where clients can show certificates, too.
type MutualTLS struct {
	TLS `yaml:",inline"`
	// ClientCA is a PEM file with the authorities that may vouch for clients.
	ClientCA string `yaml:"client_ca"`
	// RequireClientCert lets nobody in without a certificate.
	RequireClientCert bool `yaml:"require_client_cert"`
}

func (t TLS) validate() error {
	if (t.Cert == "") != (t.Key == "") {
		return errors.New("cert and key need each other")
	}
	return nil
}

func (t MutualTLS) validate() error {
	faults := []error{t.TLS.validate()}
	if t.ClientCA != "" && t.Cert == "" {
		faults = append(faults, errors.New("client_ca needs cert and key"))
	}
	if t.RequireClientCert && t.ClientCA == "" {
		faults = append(faults, errors.New("require_client_cert needs client_ca"))
	}
	return errors.Join(faults...)
}

// serverTLS is what a listener does with its files, which join those that are
// looked after. Connections keep what they began with. It is nil without files.
func serverTLS(source string, t MutualTLS, files *reload.Reloader) (*tls.Config, error) {
	if t.Cert == "" {
		return nil, nil
	}
	var current atomic.Pointer[tls.Config]
	paths := []string{t.Cert, t.Key}
	if t.ClientCA != "" {
		paths = append(paths, t.ClientCA)
	}
	err := files.Add(reload.Source{Name: source, Files: paths, Apply: func(pems [][]byte) error {
		cfg, err := configOf(pems)
		if err != nil {
			return err
		}
		if t.RequireClientCert {
			cfg.ClientAuth = tls.RequireAndVerifyClientCert
		}
		current.Store(cfg)
		return nil
	}})
	if err != nil {
		return nil, err
	}
	outer := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		return &current.Load().Certificates[0], nil
	}}
	if t.ClientCA != "" {
		outer.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return current.Load(), nil }
	}
	return outer, nil
}

// configOf reads certificate, key and, if there is one, the file of the clients'
// authorities. No session is resumed where clients have certificates: each is
// looked at with the authorities of the day.
func configOf(pems [][]byte) (*tls.Config, error) {
	pair, err := tls.X509KeyPair(pems[0], pems[1])
	if err != nil {
		return nil, err
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	if len(pems) < 3 {
		return cfg, nil
	}
	cfg.ClientCAs, cfg.ClientAuth, cfg.SessionTicketsDisabled = x509.NewCertPool(), tls.VerifyClientCertIfGiven, true
	if !cfg.ClientCAs.AppendCertsFromPEM(pems[2]) {
		return nil, errors.New("client_ca: there is no certificate in it")
	}
	return cfg, nil
}
