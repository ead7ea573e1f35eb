package relay

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// parseAddress reads what a node says of where it is: host:port, or a URL with
// scheme and host alone.
func parseAddress(text string) (*url.URL, error) {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, err
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || *u != (url.URL{Scheme: u.Scheme, Host: u.Host}) {
		return nil, fmt.Errorf("%q is neither host:port nor http:// or https:// with a host", text)
	}
	return u, nil
}

// idleTime is how long a connection without a request is kept. A node closes it
// later than that, so hardly ever just when a request is on its way.
const idleTime = time.Minute

// aliveness finds out within half a minute that a node's machine is away.
var aliveness = net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3}

// newTransport returns the connections with other nodes.
func newTransport(cfg Config) (*http.Transport, error) {
	security := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: cfg.ServerName}
	if cfg.CA != "" {
		pem, err := os.ReadFile(cfg.CA)
		if err != nil {
			return nil, fmt.Errorf("ca: %w", err)
		}
		security.RootCAs = x509.NewCertPool()
		if !security.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca: no certificate in %s", cfg.CA)
		}
	}
	var protocols http.Protocols
	protocols.SetHTTP1(true) // an upgrade needs it
	dialer := &net.Dialer{Timeout: cfg.DialTimeout, KeepAliveConfig: aliveness}
	return &http.Transport{
		DialContext:         dialer.DialContext,
		TLSClientConfig:     security,
		TLSHandshakeTimeout: cfg.DialTimeout,
		Protocols:           &protocols,
		DisableCompression:  true, // what the client accepts counts
		// Polls that wait come back together after a broadcast.
		MaxIdleConns:        cfg.MaxInFlight,
		MaxIdleConnsPerHost: cfg.MaxInFlight,
		IdleConnTimeout:     idleTime,
	}, nil
}
