package engineio

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"time"
)

// Config holds the options of a Server, with the meaning and defaults that
// they have in Socket.IO's own server.
type Config struct {
	// Transports that a session may begin with: "polling", "websocket".
	Transports []string `yaml:"transports"`
	// AllowUpgrades lets a polling session move to a WebSocket.
	AllowUpgrades bool `yaml:"allow_upgrades"`
	// AllowEIO3 lets clients of Socket.IO 2 in, which speak Engine.IO 3.
	AllowEIO3 bool `yaml:"allow_eio3"`
	// PingInterval is the time between two pings of the server.
	PingInterval time.Duration `yaml:"ping_interval"`
	// PingTimeout is how long a client may take to answer a ping.
	PingTimeout time.Duration `yaml:"ping_timeout"`
	// UpgradeTimeout is how long an upgrade may take.
	UpgradeTimeout time.Duration `yaml:"upgrade_timeout"`
	// MaxPayload is the largest message or polling body that a client may
	// send, in bytes (Socket.IO: maxHttpBufferSize).
	MaxPayload int `yaml:"max_http_buffer_size"`
	// MaxQueue is how many bytes may wait for one client. A client that is
	// further behind is closed as a slow consumer.
	MaxQueue int `yaml:"max_queue"`
	// Limits of what clients send.
	Limits Limits `yaml:",inline"`
	// CloseTimeout is how long a session that the server ends may take to
	// fetch what was queued for it.
	CloseTimeout time.Duration `yaml:"close_timeout"`
	// WebSocketCompression is permessage-deflate (RFC 7692), for clients that
	// offer it (Socket.IO: perMessageDeflate).
	WebSocketCompression Compression `yaml:"websocket_compression"`
	// HTTPCompression is that of answers to polls (Socket.IO:
	// httpCompression).
	HTTPCompression Compression `yaml:"http_compression"`
	// EventLoop has few goroutines wait for all WebSockets, where the system
	// is Linux and the connection plain TCP. Otherwise each WebSocket has a
	// goroutine of its own.
	EventLoop bool `yaml:"event_loop"`
	// KeepHeaders are the request headers that a Handshake keeps.
	KeepHeaders []string `yaml:"-"`
	// Tag is what every new id begins with, so that other nodes know whose it
	// is: TagSize characters of A to Z, a to z, 0 to 9, - and _. It is asked for
	// every id. Nil means none.
	Tag func() string `yaml:"-"`
	// Elsewhere is offered the requests of sessions whose id begins with
	// another tag than Tag's, and reports whether it has answered. Nil means
	// that nobody does.
	Elsewhere func(w http.ResponseWriter, r *http.Request, tag string) bool `yaml:"-"`
	// Admit is asked, before a session begins, whether the client that sent the
	// request may have one; it has to answer soon. Requests of sessions that there
	// are are not its affair. Nil admits everybody.
	Admit func(r *http.Request) Admission `yaml:"-"`
	// TrustedProxies are the peers whose X-Forwarded-For and
	// X-Forwarded-Proto headers are believed.
	TrustedProxies []netip.Prefix `yaml:"trusted_proxies"`
	// CORS says which foreign origins browsers may connect from.
	CORS CORS `yaml:"cors"`
	// Cookie carries a session's id to load balancers.
	Cookie Cookie `yaml:"cookie"`
	// Headers are in every answer, the WebSocket handshake included.
	Headers map[string]string `yaml:"headers"`
	// InitialHeaders are in the first answer of a session.
	InitialHeaders map[string]string `yaml:"initial_headers"`
}

// DefaultConfig is Socket.IO's.
func DefaultConfig() Config {
	return Config{
		Transports:     []string{Polling, WebSocket},
		AllowUpgrades:  true,
		PingInterval:   25 * time.Second,
		PingTimeout:    20 * time.Second,
		UpgradeTimeout: 10 * time.Second,
		MaxPayload:     1_000_000,
		MaxQueue:       4 << 20,
		Limits:         defaultLimits(),
		CloseTimeout:   5 * time.Second,
		EventLoop:      true,

		WebSocketCompression: defaultCompression(false),
		HTTPCompression:      defaultCompression(true),
		CORS:                 defaultCORS(),
		Cookie:               Cookie{Path: "/", HTTPOnly: true, SameSite: "lax"},
	}
}

// Validate reports every option that no server can work with.
func (c *Config) Validate() error {
	var faults []error
	if len(c.Transports) == 0 {
		faults = append(faults, errors.New("transports: at least one is needed"))
	}
	for _, t := range c.Transports {
		if t != Polling && t != WebSocket {
			faults = append(faults, fmt.Errorf("transports: unknown transport %q", t))
		}
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"ping_interval", c.PingInterval},
		{"ping_timeout", c.PingTimeout},
		{"upgrade_timeout", c.UpgradeTimeout},
		{"close_timeout", c.CloseTimeout},
	} {
		if d.value <= 0 {
			faults = append(faults, fmt.Errorf("%s: %v is not a positive time", d.name, d.value))
		}
	}
	if c.MaxPayload < 1 {
		faults = append(faults, fmt.Errorf("max_http_buffer_size: %d is not a positive number of bytes", c.MaxPayload))
	}
	faults = append(faults, c.WebSocketCompression.faults("websocket_compression")...)
	faults = append(faults, c.HTTPCompression.faults("http_compression")...)
	if c.MaxQueue < 1 {
		faults = append(faults, fmt.Errorf("max_queue: %d is not a positive number of bytes", c.MaxQueue))
	}
	faults = append(faults, c.Limits.faults()...)
	faults = append(faults, c.CORS.faults()...)
	faults = append(faults, c.Cookie.validate())
	faults = append(faults, headerFaults("headers", c.Headers)...)
	faults = append(faults, headerFaults("initial_headers", c.InitialHeaders)...)
	return errors.Join(faults...)
}
