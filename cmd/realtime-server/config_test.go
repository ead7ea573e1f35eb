package main

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed52a35d2d/realtime-server/authn/authority"
	"github.com/seed52a35d2d/realtime-server/internal/backend"
	"github.com/seed52a35d2d/realtime-server/service"
)

// Settings that make a configuration complete. Layers are laid over them.
const (
	anAPIKey   = "REALTIME_GRPC_API_KEYS={shop: 0123456789abcdef}"
	aBackend   = "REALTIME_BACKEND_TARGET=shop:50052"
	aKey       = "0123456789abcdef"
	theBackend = "shop:50052"
)

// load reads a file with this content, if there is any, below an environment
// and a command line.
func load(t *testing.T, file string, environ []string, args ...string) (*Config, error) {
	t.Helper()
	if file != "" {
		path := filepath.Join(t.TempDir(), "config.yaml")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append([]string{"--config", path}, args...)
	}
	cmd, err := parseCommand(args, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return loadConfig(cmd, environ)
}

// sound is load of what must have no fault.
func sound(t *testing.T, file string, environ []string, args ...string) *Config {
	t.Helper()
	cfg, err := load(t, file, environ, args...)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// wantFaults holds an error against the lines that it must consist of, by
// their beginnings and in any order.
func wantFaults(t *testing.T, err error, want ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no fault was found, want %q", want)
	}
	var lines []string
	for line := range strings.SplitSeq(err.Error(), "\n") {
		if !strings.HasPrefix(line, " ") { // else it goes on with the one before
			lines = append(lines, line)
		}
	}
	for _, w := range want {
		i := slices.IndexFunc(lines, func(line string) bool { return strings.HasPrefix(line, w) })
		if i < 0 {
			t.Errorf("fault %q was not found among\n%v", w, err)
			continue
		}
		lines = slices.Delete(lines, i, i+1)
	}
	for _, line := range lines {
		t.Errorf("unexpected fault: %s", line)
	}
}

func TestDevNeedsNothing(t *testing.T) {
	cfg := sound(t, "", nil, "--dev")
	want := defaultConfig()
	want.Dev = true
	want.SocketIO.Engine.KeepHeaders = want.API.Headers
	open := service.JoinConfig{Policy: service.JoinOpen}.WithDefaults()
	want.Namespaces = map[string]Namespace{"/": {Anonymous: true, Rooms: []string{"news"}, Join: &open}}
	want.SocketIO.Engine.CORS.Origins = loopbackOrigins
	want.SocketIO.Engine.CloseTimeout = time.Second
	if diff := cmp.Diff(want, cfg); diff != "" {
		t.Errorf("beside the defaults (-want +got):\n%s", diff)
	}
	for _, address := range []string{cfg.HTTP.Listen, cfg.GRPC.Listen, cfg.Admin.Listen} {
		if !isLoopback(address) {
			t.Errorf("%s is open to others by default", address)
		}
	}
}

func TestDevKeepsWhatIsSet(t *testing.T) {
	engine := sound(t, "socketio: {cors: {origins: ['https://a.example']}, close_timeout: 3s}", nil, "--dev").SocketIO.Engine
	if diff := cmp.Diff([]string{"https://a.example"}, engine.CORS.Origins); diff != "" {
		t.Errorf("origins (-want +got):\n%s", diff)
	}
	if engine.CloseTimeout != 3*time.Second {
		t.Errorf("close_timeout is %v", engine.CloseTimeout)
	}
}

func TestLayers(t *testing.T) {
	const file = `
http: {listen: "file:1", paths: [/file, /too]}
socketio: {ping_interval: 1s, cors: {origins: ["https://file"], max_age: 1m}}
backend: {target: "file:2", metadata: {file: "1"}}
log: {level: debug}
`
	environ := []string{
		"HOME=/", "REALTIME_SERVICE_HOST=10.0.0.1", "REALTIME_PORT_3000_TCP_ADDR=10.0.0.1", // are no affair of ours
		anAPIKey,
		"REALTIME_HTTP_LISTEN=env:1",
		"REALTIME_SOCKETIO_CORS_ORIGINS=https://env",
		"REALTIME_SOCKETIO_PING_INTERVAL=2s",
		"REALTIME_LOG_LEVEL=warn",
		"REALTIME_BACKEND_METADATA={env: '2'}",
	}
	args := []string{
		"--log-level", "info", "--log-level=error", "--backend", "flag:2", "--set", "socketio.ping_interval=3s",
		"--set", "node_id=a=b",
	}
	cfg := sound(t, file, environ, args...)
	for _, c := range []struct {
		key       string
		got, want any
	}{
		{"file over default: http.paths", cfg.HTTP.Paths, []string{"/file", "/too"}},
		{"file beside env: socketio.cors.max_age", cfg.SocketIO.Engine.CORS.MaxAge, time.Minute},
		{"env over file: http.listen", cfg.HTTP.Listen, "env:1"},
		{"env over file: socketio.cors.origins", cfg.SocketIO.Engine.CORS.Origins, []string{"https://env"}},
		{"env over default: grpc.api_keys", cfg.GRPC.APIKeys, map[string]authority.Key{"shop": {Secret: aKey}}},
		{"env into a map of the file: backend.metadata", cfg.Backend.Metadata, map[string]string{"file": "1", "env": "2"}},
		{"flag over file: backend.target", cfg.Backend.Target, "flag:2"},
		{"set over env: socketio.ping_interval", cfg.SocketIO.Engine.PingInterval, 3 * time.Second},
		{"the last flag wins: log.level", cfg.Log.Level, slog.LevelError},
		{"a value with =: node_id", cfg.NodeID, "a=b"},
		{"untouched: socketio.ping_timeout", cfg.SocketIO.Engine.PingTimeout, 20 * time.Second},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.key, diff)
		}
	}
}

func TestEveryShorthandSetsItsKey(t *testing.T) {
	keys := configKeys(reflect.TypeFor[Config](), "")
	for _, s := range shorthands {
		if _, ok := keys[s.key]; !ok {
			t.Errorf("--%s stands for %s, which is no key", s.flag, s.key)
		}
	}
	cfg := sound(t, "", []string{anAPIKey}, "--http", "a:1", "--grpc", "b:2", "--admin", "c:3", "--backend", "d:4",
		"--log-level", "debug", "--log-format", "json")
	got := []string{cfg.HTTP.Listen, cfg.GRPC.Listen, cfg.Admin.Listen, cfg.Backend.Target, cfg.Log.Level.String(), cfg.Log.Format}
	if diff := cmp.Diff([]string{"a:1", "b:2", "c:3", "d:4", "DEBUG", "json"}, got); diff != "" {
		t.Error(diff)
	}
}

// Two keys with one variable would be set together.
func TestEveryKeyHasItsOwnVariable(t *testing.T) {
	byName := map[string]string{}
	for key := range configKeys(reflect.TypeFor[Config](), "") {
		if other, taken := byName[envName(key)]; taken {
			t.Errorf("%s and %s are both %s", key, other, envName(key))
		}
		byName[envName(key)] = key
	}
}

func TestLists(t *testing.T) {
	for value, want := range map[string][]string{
		"/a":                {"/a"},
		"/a,/b":             {"/a", "/b"},
		" /a , /b ,":        {"/a", "/b"},
		"[/a, /b]":          {"/a", "/b"},
		`["/a", '/b', /c,]`: {"/a", "/b", "/c"},
	} {
		for from, cfg := range map[string]*Config{
			"env": sound(t, "", []string{anAPIKey, aBackend, "REALTIME_HTTP_PATHS=" + value}),
			"set": sound(t, "", []string{anAPIKey, aBackend}, "--set", "http.paths="+value),
		} {
			if diff := cmp.Diff(want, cfg.HTTP.Paths); diff != "" {
				t.Errorf("%s %q (-want +got):\n%s", from, value, diff)
			}
		}
	}
	cfg := sound(t, "", []string{anAPIKey, aBackend, "REALTIME_SOCKETIO_TRUSTED_PROXIES=10.0.0.0/8,::1/128"})
	want := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	if !slices.Equal(want, cfg.SocketIO.Engine.TrustedProxies) {
		t.Errorf("trusted proxies %v", cfg.SocketIO.Engine.TrustedProxies)
	}
	cfg = sound(t, "api: {headers: [cookie]}", []string{anAPIKey, aBackend}, "--set", "api.headers=")
	if len(cfg.API.Headers) != 0 {
		t.Errorf("an empty list left %q", cfg.API.Headers)
	}
}

func TestNamespaces(t *testing.T) {
	const file = `
backend: {target: "shop:50052", timeout: 7s, max_queue: 9, breaker_percent: 80, breaker_pause: 8s}
namespaces: {/: {anonymous: true, rooms: [lobby]}, '^/team-\w+$': {}}
`
	cfg := sound(t, file, []string{
		anAPIKey,
		`REALTIME_NAMESPACES={"/chat": {backend: {target: "chat:1", max_in_flight: 3, breaker_percent: 0}}, /common: {}}`,
	})
	own := backend.DefaultConfig()
	own.Target, own.Timeout, own.MaxInFlight = "chat:1", 7*time.Second, 3
	own.MaxQueue, own.BreakerPercent, own.BreakerPause = 9, new(0), 8*time.Second // 0 is not unset
	want := map[string]Namespace{
		"/":       {Anonymous: true, Rooms: []string{"lobby"}},
		"/chat":   {Backend: &own},
		"/common": {},

		`^/team-\w+$`: {},
	}
	if diff := cmp.Diff(want, cfg.Namespaces); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"/", "/chat", "/common", `^/team-\w+$`}, cfg.SocketIO.Namespaces); diff != "" {
		t.Errorf("the server's namespaces (-want +got):\n%s", diff)
	}
	for name, target := range map[string]string{"/": theBackend, "/chat": "chat:1", "/common": theBackend, `^/team-\w+$`: theBackend} {
		if got := cfg.backendOf(cfg.Namespaces[name]); got.Target != target {
			t.Errorf("%s is answered by %s, want %s", name, got.Target, target)
		}
	}
}

func TestRefused(t *testing.T) {
	complete := []string{anAPIKey, aBackend}
	for name, c := range map[string]struct {
		file    string
		environ []string
		args    []string
		faults  []string
	}{
		"open by default": {faults: []string{"namespaces./: nobody authenticates", "grpc.api_keys: at least one key"}},
		"dev=false":       {args: []string{"--dev=false"}, faults: []string{"namespaces./: nobody", "grpc.api_keys: "}},
		"routes": {
			file: `
backends: {default: {target: a}, /a: {target: a}, chat: {}, none: null, slow: {target: a, timeout: 1s}}
namespaces:
  /:
    routes:
      - {events: [a], backend: missing}
      - {events: [a], backend: slow, timeout: 2s}
      - {events: ["^a"], backend: slow, max_in_flight: -1}
      - {events: [a], backend: slow, once_key: x}`,
			environ: complete,
			faults: []string{
				"backends./a: a backend is not named", "backends.chat.target: is required",
				"backends.default: a backend is not named", "backends.none.target: is required",
				`namespaces./.routes[0].backend: there is no "missing" among backends`,
				"namespaces./.routes[1].timeout: 2s is longer than that of the backend, 1s",
				"namespaces./.routes[2].events[0]: ", "namespaces./.routes[2].max_in_flight: -1",
				"namespaces./.routes[3].once_key: needs once",
			},
		},
		"a route to nobody": {
			file: "namespaces: {/: {anonymous: true, routes: [{events: [a]}]}}", environ: []string{anAPIKey},
			faults: []string{"namespaces./.routes[0].backend: the namespace has no backend"},
		},
		"keys without a backend": {
			environ: []string{anAPIKey}, faults: []string{"namespaces./: nobody authenticates its clients"},
		},
		"a backend without keys": {
			environ: []string{aBackend}, faults: []string{"grpc.api_keys: at least one key is needed"},
		},
		"unknown key in the file": {
			file: "http: {liste: x}", environ: complete, faults: []string{"{file}: yaml: unmarshal errors:"},
		},
		"a key twice in the file": {
			file: "node_id: a\nnode_id: b", environ: complete, faults: []string{"{file}: yaml: unmarshal errors:"},
		},
		"no YAML": {file: "{", environ: complete, faults: []string{"{file}: yaml: "}},
		"no file": {
			environ: complete, args: []string{"--config", "nowhere.yaml"}, faults: []string{"nowhere.yaml: open nowhere.yaml: "},
		},
		"unknown variable": {
			environ: append(complete, "REALTIME_HTTP_LISTN=x"),
			faults:  []string{"REALTIME_HTTP_LISTN: there is no such setting"},
		},
		"the variable of a part": {
			environ: append(complete, "REALTIME_HTTP={}"), faults: []string{"REALTIME_HTTP: there is no such setting"},
		},
		"unknown key of --set": {
			environ: complete, args: []string{"--set", "nope=1"}, faults: []string{`--set nope: there is no key "nope"`},
		},
		"the key of a part": {
			environ: complete, args: []string{"--set", "http={}"}, faults: []string{`--set http: there is no key "http"`},
		},
		"unknown key within a map": {
			environ: append(complete, `REALTIME_NAMESPACES={/: {anonymus: true}}`),
			faults:  []string{"REALTIME_NAMESPACES: yaml: unmarshal errors:"},
		},
		"values of the wrong kind": {
			environ: append(complete, "REALTIME_SOCKETIO_MAX_ROOMS=many", "REALTIME_GRPC_REFLECTION=perhaps"),
			args:    []string{"--set", "socketio.ping_interval=25", "--log-level", "loud", "--set", "socketio.trusted_proxies=10.0.0.1"},
			faults: []string{
				"REALTIME_SOCKETIO_MAX_ROOMS: ", "REALTIME_GRPC_REFLECTION: ",
				"--set socketio.ping_interval: ", "--log-level: ", "--set socketio.trusted_proxies: ",
			},
		},
		"a path twice": {
			environ: complete, args: []string{"--set", "http.paths=/a,/b,/a/"}, faults: []string{`http.paths: "/a" stands twice`},
		},
		"a path for two dialects": {
			environ: complete, args: []string{"--set", "http.paths=/a", "--set", "http.msgpack_paths=/m/,/a/,b"},
			faults: []string{`http.msgpack_paths: "/a" stands twice`, `http.msgpack_paths: "b" is no path`},
		},
		"ends of credentials": {
			file:    "namespaces: {/a: {expiry: {grace: -1s}, refresh: {event: connect}}}\nrevocation: {ttl: 0s, max: 0}",
			environ: complete,
			faults: []string{
				"namespaces./a.expiry.grace: -1s is negative", "namespaces./a.refresh.event: name is reserved",
				"revocation.ttl: 0s is not", "revocation.max: 0 is not",
			},
		},
		"two documents": {
			file: "node_id: a\n---\nnode_id: b", environ: complete, faults: []string{"{file}: has more than one YAML document"},
		},
		"no address": {
			environ: complete, args: []string{"--http", "", "--grpc", "50051"},
			faults: []string{`http.listen: "" is no address`, `grpc.listen: "50051" is no address`},
		},
		"a key that can be guessed": {
			environ: []string{aBackend, "REALTIME_GRPC_API_KEYS={shop: short}"},
			faults:  []string{`grpc.api_keys.shop: is shorter than`},
		},
		"a key without a name": {
			environ: []string{aBackend, "REALTIME_GRPC_API_KEYS=0123456789abcdef"},
			faults:  []string{"REALTIME_GRPC_API_KEYS: wants a map such as {name: value}", "grpc.api_keys: at least one"},
		},
		"a room without a name": {
			file: "namespaces: {/a: {anonymous: true, rooms: ['']}}", environ: complete, faults: []string{"namespaces./a."},
		},
		"an origin without a scheme": {
			environ: complete, args: []string{"--set", "socketio.cors.origins=example.com"},
			faults: []string{`socketio.cors.origins: "example.com" is no origin`},
		},
		"headers that would become two": {
			file:    `socketio: {headers: {x-a: "a\r\nSet-Cookie: b"}, initial_headers: {"x\n": b, Upgrade: h2c}}`,
			environ: complete,
			faults: []string{
				`socketio.headers: the value of "x-a"`, `socketio.initial_headers: "x\n" is no name`,
				`socketio.initial_headers: "Upgrade" is the server's own`,
			},
		},
		"a cookie that browsers do not take": {
			environ: complete, args: []string{"--set", "socketio.cookie.name=io", "--set", "socketio.cookie.same_site=none"},
			faults: []string{"socketio.cookie: same_site none needs secure"},
		},
		"dev on other than loopback": {
			args: []string{"--dev", "--http", ":3000", "--grpc", "0.0.0.0:1", "--admin", "192.0.2.1:1"},
			faults: []string{
				`http.listen: ":3000" is not a loopback`, `grpc.listen: "0.0.0.0:1" is not`, `admin.listen: "192.0.2.1:1" is not`,
			},
		},
		"dev by the environment on other than loopback": {
			environ: []string{"REALTIME_DEV=true", "REALTIME_HTTP_LISTEN=example.com:3000"},
			faults:  []string{`http.listen: "example.com:3000" is not a loopback`},
		},
		"a namespace that is both": {
			file: "namespaces: {/a: {anonymous: true, backend: {target: x}}}", environ: complete,
			faults: []string{"namespaces./a: is anonymous and has a backend"},
		},
		"a namespace with tokens for everybody": {
			file: "namespaces: {/a: {anonymous: true, jwt: {}}}", environ: complete,
			faults: []string{"namespaces./a.jwt.keys: at least one is needed", "namespaces./a.jwt.keys: the namespace is anonymous"},
		},
		"a token in a header that is not kept": {
			file: "namespaces: {/a: {jwt: {token: {header: authorization}, jwks: {url: 'https://login.example.com/'}}}}", environ: complete,
			faults: []string{`namespaces./a.jwt.token.header: "authorization" is not among api.headers`},
		},
		"a token in a cookie that every page can borrow": {
			file: "namespaces: {/a: {jwt: {token: {cookie: session}, jwks: {url: 'https://login.example.com/'}}}}", environ: complete,
			faults: []string{
				`namespaces./a.jwt.token.cookie: "cookie" is not among api.headers`,
				"namespaces./a.jwt.token.cookie: needs socketio.cors.origins",
			},
		},
		"a chain of what is not there": {
			file: "namespaces: {/a: {chain: [jwt, ticket, backend, door]}}", environ: []string{anAPIKey},
			faults: []string{
				`namespaces./a.chain: "door" is none of jwt, ticket, backend and anonymous`,
				"namespaces./a.chain: backend must be the last",
				"namespaces./a.chain: jwt needs the section jwt", "namespaces./a.chain: backend needs backend.target",
			},
		},
		"a chain that goes on behind its end": {
			file: "namespaces: {/a: {chain: [ticket, anonymous, backend, ticket]}}", environ: complete,
			faults: []string{
				"namespaces./a.chain: anonymous must be the last", "namespaces./a.chain: backend must be the last",
				`namespaces./a.chain: "ticket" stands twice`,
			},
		},
		"sections beside a chain": {
			file:    "namespaces: {/a: {chain: [backend], anonymous: true, ticket: {}, rooms: [a], jwt: {keys: [{secret: 0123456789abcdef0123456789abcdef}]}}}",
			environ: complete,
			faults: []string{
				"namespaces./a.chain: does not name jwt", "namespaces./a.chain: does not name ticket",
				"namespaces./a.anonymous: stands beside a chain", "namespaces./a.jwt.keys: the namespace is anonymous",
			},
		},
		"a ticket where the token is": {
			file:    "namespaces: {/a: {chain: [jwt, ticket], ticket: {auth: token}, jwt: {keys: [{secret: 0123456789abcdef0123456789abcdef}]}}}",
			environ: complete, faults: []string{"namespaces./a.ticket: is where jwt.token is"},
		},
		"handshakes of a namespace that is not there": {
			environ: complete, args: []string{"--set", "http.handshake_auth=/a"}, faults: []string{`http.handshake_auth: there is no namespace "/a"`},
		},
		"handshakes of a namespace without tokens": {
			environ: complete, args: []string{"--set", "http.handshake_auth=/"}, faults: []string{`http.handshake_auth: namespace "/" has no jwt`},
		},
		"handshakes whose token comes later": {
			file:    "{http: {handshake_auth: /}, namespaces: {/: {jwt: {keys: [{secret: 0123456789abcdef0123456789abcdef}]}}}}",
			environ: complete, faults: []string{"http.handshake_auth: needs header, cookie or query in namespaces./.jwt.token"},
		},
		"tickets without a chain": {
			file: "namespaces: {/a: {ticket: {}}}", environ: complete, faults: []string{"namespaces./a.ticket: needs a chain"},
		},
		"rooms of a chain that knows its clients": {
			file: "namespaces: {/a: {chain: [backend], rooms: [a]}}", environ: complete, faults: []string{"namespaces./a.rooms: only anonymous"},
		},
		"a backend of a namespace": {
			file: "namespaces: {/a: {backend: {timeout: 1s}}}", environ: complete,
			faults: []string{"namespaces./a.backend.target: is required"},
		},
		"a pattern without an end": {
			file: "namespaces: {^/a: {}}", environ: complete, faults: []string{`socketio.namespaces: "^/a": a pattern begins with "^" and ends`},
		},
		"a pattern that is no regular expression": {
			file: "namespaces: {'^/a(b$': {}}", environ: complete, faults: []string{`socketio.namespaces: "^/a(b$": error parsing regexp`},
		},
		"rooms of a pattern that asks": {
			file: "namespaces: {'^/a$': {rooms: [a]}}", environ: complete, faults: []string{`namespaces.^/a$.rooms: only anonymous`},
		},
		"another mode": {
			file: "namespaces: {/a: {auth_mode: later}}", environ: complete, faults: []string{`namespaces./a.auth_mode: "later" is neither`},
		},
		"names of another mode": {
			file: "namespaces: {/a: {event_mode: {timeout: 1s}}}", environ: complete, faults: []string{"namespaces./a.event_mode: needs auth_mode: event"},
		},
		"names that clients do not have": {
			file:    "namespaces: {/a: {auth_mode: event, event_mode: {events: {ping: disconnect}, timeout: -1s}, join: {events: {join: authenticate}}}}",
			environ: complete,
			faults: []string{
				"namespaces./a.event_mode.timeout: ", "namespaces./a.event_mode.events.ping: ", `namespaces./a.join.events.join: "authenticate" is event_mode.events.authenticate`,
			},
		},
		"events that mean two things": {
			file: `
namespaces:
  /a: {auth_mode: event, refresh: {event: authenticate}, expiry: {event: ping}, routes: [{events: ["^j", join, a, authenticate]}]}
  /b: {join: {}, refresh: {event: leave}}
  /c: {refresh: {event: renew}, routes: [{events: [a, join]}, {events: [renew]}]}`,
			environ: complete,
			faults: []string{
				`namespaces./a.refresh.event: "authenticate" is event_mode.events.authenticate`,
				`namespaces./a.expiry.event: "ping" is event_mode.events.ping`,
				"namespaces./a.routes[0].events[0]: ",
				`namespaces./a.routes[0].events[1]: "join" is join.events.join, which the server answers`,
				`namespaces./a.routes[0].events[3]: "authenticate" is event_mode.events.authenticate, which the server answers`,
				`namespaces./b.refresh.event: "leave" is join.events.leave`,
				`namespaces./c.routes[1].events[0]: "renew" is refresh.event, which the server answers`,
			},
		},
		"a refresh that nobody can make": {
			file: `
api: {headers: [cookie]}
socketio: {cors: {origins: ["https://example.com"]}}
namespaces:
  /a: {anonymous: true, refresh: {event: r}}
  /b: {jwt: {keys: [{secret: 0123456789abcdef0123456789abcdef}], token: {cookie: c}}, refresh: {event: r}}
  /c: {chain: [ticket, anonymous], ticket: {query: t}, refresh: {event: r}}
  /d: {chain: [jwt, ticket], jwt: {keys: [{secret: 0123456789abcdef0123456789abcdef}], token: {cookie: c}}, refresh: {event: r}}`,
			environ: []string{anAPIKey},
			faults:  []string{"namespaces./a.refresh.event: no", "namespaces./b.refresh.event: no", "namespaces./c.refresh.event: no"},
		},
		"workers and tickets that no key is for": {
			file: `
grpc: {api_keys: {a: {key: 0123456789abcdef, scopes: [send, read]}, b: {key: fedcba9876543210, room_prefixes: [b]}}}
backend: {attach: shop}
namespaces: {/: {}, /a: {chain: [ticket]}}`,
			faults: []string{
				`grpc.api_keys: none may attach, which the workers of ["shop"] have to`,
				"grpc.api_keys: none may manage, so nobody can issue tickets for namespaces./a",
			},
		},
		"a handshake that leaves nobody to ask": {
			file: `
http: {handshake_auth: /a}
namespaces:
  /a: {chain: [jwt, ticket], jwt: {keys: [{secret: 0123456789abcdef0123456789abcdef}], token: {query: t}}}`,
			environ: []string{anAPIKey}, faults: []string{"http.handshake_auth: in namespaces./a.chain, jwt must be the last"},
		},
		"rooms for everybody": {
			file: "namespaces: {/a: {join: {policy: open}}}", environ: complete, faults: []string{"namespaces./a.join.policy: open is for development"},
		},
		"rooms that nobody allows": {
			file: "namespaces: {/a: {anonymous: true, join: {policy: backend}}}", environ: []string{anAPIKey},
			faults: []string{"namespaces./a.join.policy: backend needs a backend"},
		},
		"everything at once": {
			file:    "log: {format: xml}\nsocketio: {ping_interval: 0s, transports: [carrier-pigeon], cors: {origins: ['*'], credentials: true}}",
			environ: []string{"REALTIME_BACKEND_TARGET=x", "REALTIME_BACKEND_TIMEOUT=-1s", "REALTIME_TYPO=1"},
			args: []string{
				"--set", "nope=", "--set", "http.paths=x,/", "--set", "http.tls.cert=a.pem", "--set", "grpc.tls.key=a.pem",
				"--set", "grpc.max_message=0", "--set", "api.max_names=0", "--set", "api.headers=Cookie",
				"--set", "shutdown.window=20s", "--set", "namespaces={chat: {}}", "--set", "backend.tls.ca=ca.pem",
				"--set", "backend.metadata={Upper: a}",
			},
			faults: []string{
				"REALTIME_TYPO: ", "--set nope: ", "log.format: ", "http.paths: \"x\"", "http.paths: \"", "http.tls: ", "grpc.tls: ",
				"grpc.max_message: ", "grpc.api_keys: ", "api.max_names: ", "api.headers[0]: ", "shutdown: ",
				"socketio.ping_interval: ", "socketio.transports: ", "socketio.cors: ", "socketio.namespaces: ",
				"backend.timeout: ", "backend.tls: ", "backend.metadata: ",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, c.file, c.environ, c.args...)
			if err != nil && c.file != "" { // the file has a name of its own in every run
				err = errors.New(nameless(err.Error()))
			}
			wantFaults(t, err, c.faults...)
		})
	}
}

// nameless replaces the path of the file of load.
func nameless(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if _, rest, ok := strings.Cut(line, "config.yaml: "); ok {
			lines[i] = "{file}: " + rest
		}
	}
	return strings.Join(lines, "\n")
}

func TestDevOnLoopback(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "127.1.2.3:3000", "[::1]:3000", "localhost:3000"} {
		cfg := sound(t, "", nil, "--dev", "--http", address, "--grpc", address, "--admin", address)
		if cfg.HTTP.Listen != address {
			t.Errorf("listens at %s, not at %s", cfg.HTTP.Listen, address)
		}
	}
}

// Tokens are checked under dev too, with and without a backend.
func TestDevChecksTokens(t *testing.T) {
	const file = "namespaces: {/: {jwt: {keys: [{secret: 0123456789abcdef0123456789abcdef}]}}}"
	for _, args := range [][]string{{"--dev"}, {"--dev", "--backend", "localhost:1"}} {
		cfg := sound(t, file, nil, args...)
		if cfg.Namespaces["/"].Anonymous {
			t.Errorf("%q: the namespace is open", args)
		}
		p := built(t, cfg)
		if len(p.tokens) != 1 {
			t.Errorf("%q: %d authenticators check tokens", args, len(p.tokens))
		}
	}
}

// A backend is asked under dev as well; only where there is none is everybody
// let in.
func TestDevAsksTheBackend(t *testing.T) {
	cfg := sound(t, "namespaces: {/a: {}, /b: {backend: {target: b}}}", nil, "--dev", "--backend", "localhost:1")
	for name, n := range cfg.Namespaces {
		if n.Anonymous {
			t.Errorf("%s is open although it has a backend", name)
		}
	}
}

func TestCommandLineFaults(t *testing.T) {
	for _, args := range [][]string{
		{"--nope"}, {"serve"}, {"--set", "node_id"}, {"--config"}, {"--dev", "true"},
	} {
		var stderr bytes.Buffer
		if code := realMain(args, nil, io.Discard, &stderr); code != exitConfig || stderr.Len() == 0 {
			t.Errorf("%q: exit code %d, %q", args, code, stderr.String())
		}
	}
	var stderr bytes.Buffer
	if code := realMain([]string{"--set", "nope=1"}, nil, io.Discard, &stderr); code != exitConfig ||
		!strings.Contains(stderr.String(), "--set nope") || !strings.Contains(stderr.String(), "grpc.api_keys") {
		t.Errorf("exit code %d, %q", code, stderr.String())
	}
}

// printed is what --print-config says.
func printed(t *testing.T, environ []string, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := realMain(append(args, "--print-config"), environ, &stdout, &stderr); code != exitOK {
		t.Fatalf("exit code %d: %s", code, stderr.String())
	}
	return stdout.String()
}

func TestSecretsAreNotPrinted(t *testing.T) {
	environ := []string{
		aBackend,
		"REALTIME_GRPC_API_KEYS={shop: api-key-of-shop-1, mail: api-key-of-mail-2, ticker: {key: api-key-of-ticker, scopes: [send], burst: 5, calls_per_second: 2.5}}",
		"REALTIME_BACKEND_METADATA={authorization: Bearer common-token}",
		"REALTIME_BACKENDS={mail: {target: mail, metadata: {authorization: Bearer mail-token}}}",
		`REALTIME_NAMESPACES={/: {jwt: {keys: [{secret: secret-of-the-issuer-0123456789ab}]}}, /chat: {backend: {target: chat, metadata: {authorization: Bearer chat-token}}}}`,
	}
	text := printed(t, environ)
	for _, secret := range []string{"api-key-of", "common-token", "chat-token", "mail-token", "of-the-issuer"} {
		if strings.Contains(text, secret) {
			t.Errorf("%s is printed:\n%s", secret, text)
		}
	}
	for _, public := range []string{"shop: '********'", "mail: '********'", "key: '********'", "calls_per_second: 2.5", "authorization: '********'", "secret: '********'", "target: chat"} {
		if !strings.Contains(text, public) {
			t.Errorf("%s is not printed:\n%s", public, text)
		}
	}
	cfg := sound(t, "", environ)
	if err := printConfig(io.Discard, cfg); err != nil {
		t.Fatal(err)
	}
	if cfg.Backend.Metadata["authorization"] != "Bearer common-token" ||
		cfg.Namespaces["/chat"].Backend.Metadata["authorization"] != "Bearer chat-token" {
		t.Error("printing changed the configuration")
	}
}

func TestPrintedConfigLoadsAgain(t *testing.T) {
	environ := []string{
		anAPIKey, aBackend,
		"REALTIME_SOCKETIO_TRUSTED_PROXIES=10.0.0.0/8",
		"REALTIME_SOCKETIO_CORS_ORIGINS=https://a.example,https://b.example",
		"REALTIME_BACKEND_METADATA={authorization: token}",
		`REALTIME_GRPC_IDENTITIES={a: {dns: a.example, scopes: [read, attach], namespaces: [/, '^/a$'], room_prefixes: ["a:"]}, b: {common_name: b}}`,
		`REALTIME_NAMESPACES={"/": {anonymous: true, rooms: [a]}, "/chat": {backend: {target: "chat:1", metadata: {b: c}}}, "/common": {}}`,
		"REALTIME_LOG_LEVEL=DEBUG+2",
	}
	args := []string{
		"--set", "grpc.tls.cert=tls.crt", "--set", "grpc.tls.key=tls.key", "--set", "grpc.tls.client_ca=ca.crt", "--set", "node_id=null", "--set", "shutdown.window=1500ms", "--log-format", "json",
	}
	text := printed(t, environ, args...)
	want := sound(t, "", environ, args...)
	// Secrets do not come back: a masked key is too short to be one, so that
	// nobody serves with it by accident.
	newKey := "REALTIME_GRPC_API_KEYS={shop: another-key-of-the-shop}"
	got := sound(t, text, []string{newKey})

	if diff := cmp.Diff([]string{"shop"}, slices.Sorted(maps.Keys(got.GRPC.APIKeys))); diff != "" {
		t.Errorf("names of API keys (-want +got):\n%s", diff)
	}
	want.GRPC.APIKeys = got.GRPC.APIKeys
	want.Backend.Metadata = map[string]string{"authorization": masked}
	want.Namespaces["/chat"].Backend.Metadata = map[string]string{"b": masked}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }), equateEmpty); diff != "" {
		t.Errorf("(-want +got):\n%s\nprinted:\n%s", diff, text)
	}
	if again := printed(t, []string{newKey}, "--config", written(t, text)); again != text {
		t.Errorf("printed again it differs:\n%s", cmp.Diff(text, again))
	}
}

// equateEmpty takes a list or map without elements for none: the two mean the
// same everywhere.
var equateEmpty = cmp.FilterValues(func(a, b any) bool {
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	return x.IsValid() && y.IsValid() && x.Type() == y.Type() &&
		(x.Kind() == reflect.Slice || x.Kind() == reflect.Map) && x.Len() == 0 && y.Len() == 0
}, cmp.Comparer(func(any, any) bool { return true }))

func written(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "printed.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
