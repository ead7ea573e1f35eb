package main

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/seed52a35d2d/realtime-server/authn/authority"
	"github.com/seed52a35d2d/realtime-server/internal/backend"
	"github.com/seed52a35d2d/realtime-server/internal/relay"
	"github.com/seed52a35d2d/realtime-server/service"
	"github.com/seed52a35d2d/realtime-server/service/bridge"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// Config is everything that an operator can choose. docs/configuration.md
// explains every key; a test holds the page against this struct.
type Config struct {
	// Dev makes the server open and pleasant, on loopback only.
	Dev bool `yaml:"dev"`
	// NodeID names this process among others. Empty means a random name.
	NodeID string `yaml:"node_id"`

	HTTP     HTTP           `yaml:"http"`
	SocketIO sio.Config     `yaml:"socketio"`
	GRPC     GRPC           `yaml:"grpc"`
	Admin    Admin          `yaml:"admin"`
	Backend  backend.Config `yaml:"backend"`
	// Backends that routes name, besides Backend and those of namespaces.
	Backends map[string]*backend.Config `yaml:"backends"`
	// Namespaces that clients may connect to, by name.
	Namespaces map[string]Namespace `yaml:"namespaces"`
	API        service.Config       `yaml:"api"`
	// Revocation says how revoked credentials are remembered.
	Revocation service.RevocationConfig `yaml:"revocation"`
	// Redis connects several servers; without addresses there is one.
	Redis Redis `yaml:"redis"`
	// Relay brings requests to the node that has their session.
	Relay relay.Config `yaml:"relay"`
	// Bridge makes Node's Socket.IO servers on the same Redis part of the
	// cluster; without a dialect there are none.
	Bridge   bridge.Config `yaml:"bridge"`
	Log      Log           `yaml:"log"`
	Shutdown Shutdown      `yaml:"shutdown"`
}

// HTTP is the listener for browsers.
type HTTP struct {
	Listen string `yaml:"listen"`
	// Advertise is the address under which other nodes reach the listener. Empty
	// means that of the listener; see reachable.
	Advertise string   `yaml:"advertise"`
	Paths     []string `yaml:"paths"`
	// MsgpackPaths are for clients with socket.io-msgpack-parser.
	MsgpackPaths []string `yaml:"msgpack_paths"`
	// ServeClient serves the stock client below the paths, for pages that do
	// not bundle their own.
	ServeClient bool `yaml:"serve_client"`
	// HandshakeAuth is the namespace by whose jwt the handshake of every session
	// is checked. Empty means that it is not.
	HandshakeAuth string `yaml:"handshake_auth"`
	TLS           TLS    `yaml:"tls"`
}

// GRPC is the listener for backends.
type GRPC struct {
	Listen string    `yaml:"listen"`
	TLS    MutualTLS `yaml:"tls"`
	// APIKeys are who may call, by name.
	APIKeys map[string]authority.Key `yaml:"api_keys"`
	// APIKeysFile has more of them. It is read anew when it changes.
	APIKeysFile string `yaml:"api_keys_file"`
	// Identities are who may call with a client certificate, by name.
	Identities map[string]authority.Identity `yaml:"identities"`
	// Audit logs who has changed clients.
	Audit bool `yaml:"audit"`
	// Reflection lets tools such as grpcurl ask for the API's schema.
	Reflection bool `yaml:"reflection"`
	// MaxMessage is the largest request, in bytes.
	MaxMessage int `yaml:"max_message"`
}

// Admin is the listener for operators.
type Admin struct {
	Listen string `yaml:"listen"`
	// Pprof serves Go's profiles under /debug/pprof/.
	Pprof bool `yaml:"pprof"`
}

// Log says what is logged to standard error.
type Log struct {
	Level  slog.Level `yaml:"level"`
	Format string     `yaml:"format"`
}

// Shutdown says how the server ends after SIGTERM.
type Shutdown struct {
	// Window is the time over which clients are sent away.
	Window time.Duration `yaml:"window"`
	// Timeout is how long all of it may take.
	Timeout time.Duration `yaml:"timeout"`
}

const masked = "********"

func defaultConfig() *Config {
	return &Config{
		HTTP:     HTTP{Listen: "127.0.0.1:3000", Paths: []string{"/socket.io"}},
		SocketIO: sio.DefaultConfig(),
		GRPC:     GRPC{Listen: "127.0.0.1:50051", Audit: true, Reflection: true, MaxMessage: 4 << 20},
		Admin:    Admin{Listen: "127.0.0.1:8081"},
		Backend:  backend.DefaultConfig(),
		API:      service.DefaultConfig(),

		Revocation: service.DefaultRevocationConfig(),

		Redis:    defaultRedis(),
		Relay:    relay.DefaultConfig(),
		Bridge:   bridge.DefaultConfig(),
		Log:      Log{Format: "text"},
		Shutdown: Shutdown{Window: time.Second, Timeout: 20 * time.Second},
	}
}

// complete fills in what follows from the rest.
func (c *Config) complete() {
	if len(c.Namespaces) == 0 {
		c.Namespaces = map[string]Namespace{"/": {}}
	}
	if c.Dev {
		c.completeDev()
	}
	for _, paths := range [][]string{c.HTTP.Paths, c.HTTP.MsgpackPaths} {
		for i, path := range paths {
			paths[i] = strings.TrimSuffix(path, "/")
		}
	}
	c.completeBackends()
	c.SocketIO.Namespaces = slices.Sorted(maps.Keys(c.Namespaces))
	c.SocketIO.Engine.KeepHeaders = c.API.Headers
	c.API.Revocation = c.Revocation
	c.completeNamespaces()
}

// loopbackOrigins are where development servers serve pages, and files.
var loopbackOrigins = []string{"http://localhost", "http://localhost:*", "http://127.0.0.1", "http://127.0.0.1:*", "null"}

// devCloseTimeout keeps Ctrl-C from waiting long for a page that has gone.
const devCloseTimeout = time.Second

// completeDev changes defaults for development.
func (c *Config) completeDev() {
	engine, defaults := &c.SocketIO.Engine, sio.DefaultConfig().Engine
	if len(engine.CORS.Origins) == 0 {
		engine.CORS.Origins = slices.Clone(loopbackOrigins)
	}
	if engine.CloseTimeout == defaults.CloseTimeout {
		engine.CloseTimeout = devCloseTimeout
	}
}

// Validate reports every fault at once.
func (c *Config) Validate() error {
	faults := []error{
		within("socketio", c.SocketIO.Validate()),
		within("api", c.API.Validate()),
		within("revocation", c.Revocation.Validate()),
		c.validateListeners(),
		c.validateBackends(),
		c.validateNamespaces(),
		c.validateAccess(),
		c.validateRecovery(),
		c.validateAdmission(),
	}
	if c.Backend.Enabled() {
		faults = append(faults, within("backend", c.Backend.Validate()))
	}
	faults = append(faults, within("redis", c.Redis.Validate()), within("relay", c.Relay.Validate()))
	if c.Bridge.Enabled() {
		faults = append(faults, c.validateBridge())
	}
	if c.Log.Format != "text" && c.Log.Format != "json" {
		faults = append(faults, fmt.Errorf("log.format: %q is neither text nor json", c.Log.Format))
	}
	if c.Shutdown.Window < 0 || c.Shutdown.Timeout <= c.Shutdown.Window {
		faults = append(faults, errors.New("shutdown: timeout must be longer than window, and window not negative"))
	}
	if c.HTTP.ServeClient {
		if _, err := loadClient(); err != nil {
			faults = append(faults, fmt.Errorf("http.serve_client: %w", err))
		}
	}
	return errors.Join(faults...)
}

func (c *Config) validateListeners() error {
	var faults []error
	for _, l := range []struct{ key, address string }{
		{"http.listen", c.HTTP.Listen}, {"grpc.listen", c.GRPC.Listen}, {"admin.listen", c.Admin.Listen},
	} {
		if _, _, err := net.SplitHostPort(l.address); err != nil {
			faults = append(faults, fmt.Errorf("%s: %q is no address such as 127.0.0.1:3000", l.key, l.address))
		} else if c.Dev && !isLoopback(l.address) {
			faults = append(faults, fmt.Errorf("%s: %q is not a loopback address, as dev needs it", l.key, l.address))
		}
	}
	faults = append(faults, c.HTTP.validatePaths(), c.HTTP.validateAdvertise())
	faults = append(faults, prefixed("http.tls: ", c.HTTP.TLS.validate()), prefixed("grpc.tls: ", c.GRPC.TLS.validate()))
	if c.GRPC.MaxMessage < 1 {
		faults = append(faults, fmt.Errorf("grpc.max_message: %d is not a positive number of bytes", c.GRPC.MaxMessage))
	}
	return errors.Join(faults...)
}

func (h *HTTP) validatePaths() error {
	var faults []error
	if len(h.Paths) == 0 {
		faults = append(faults, errors.New("http.paths: at least one is needed"))
	}
	all := slices.Concat(h.Paths, h.MsgpackPaths)
	for i, path := range all {
		key := "http.paths"
		if i >= len(h.Paths) {
			key = "http.msgpack_paths"
		}
		if slices.Contains(all[:i], path) {
			faults = append(faults, fmt.Errorf("%s: %q stands twice", key, path))
		}
		if !strings.HasPrefix(path, "/") || strings.ContainsAny(path, " {}?") {
			faults = append(faults, fmt.Errorf("%s: %q is no path such as /socket.io", key, path))
		}
	}
	return errors.Join(faults...)
}

func isLoopback(address string) bool {
	if strings.HasPrefix(address, "localhost:") {
		return true
	}
	parsed, err := netip.ParseAddrPort(address)
	return err == nil && parsed.Addr().IsLoopback()
}

// within puts a prefix before every fault of a part.
func within(key string, err error) error {
	return prefixed(key+".", err)
}

// prefixed puts a text before every line of an error, nil for nil.
func prefixed(text string, err error) error {
	if err == nil {
		return nil
	}
	return errors.New(text + strings.ReplaceAll(err.Error(), "\n", "\n"+text))
}
