package engineio

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// ask sends a request as it stands and reads the head of the answer.
func ask(t *testing.T, address, method, query string, header ...string) *http.Response {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	head := append([]string{method + " /" + query + " HTTP/1.1", "Host: " + address}, header...)
	if _, err := fmt.Fprint(conn, strings.Join(head, "\r\n")+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	return response
}

// What makes a request a WebSocket handshake.
var handshake = []string{
	"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
}

const (
	polling   = "?EIO=4&transport=polling"
	websocket = "?EIO=4&transport=websocket"
)

// answers are one of each kind that the door has.
var answers = []struct {
	name, method, query string
	header              []string
	status              int
	first               bool // answer of its session
}{
	{"a new session", "GET", polling, nil, 200, true},
	{"a new session on a WebSocket", "GET", websocket, handshake, 101, true},
	{"error 0", "GET", "", nil, 400, false},
	{"error 1", "GET", polling + "&sid=x", nil, 400, false},
	{"error 1 of a POST", "POST", polling + "&sid=x", []string{"Content-Length: 0"}, 400, false},
	{"error 2", "PUT", polling, nil, 400, false},
	{"error 4", "GET", polling, []string{"Origin: https://theirs.example"}, 403, false},
	{"error 5", "HEAD", "?EIO=3&transport=polling", nil, 400, false},
	{"a refused WebSocket", "GET", websocket, append([]string{"Origin: https://theirs.example"}, handshake...), 403, false},
	{"a refused upgrade", "GET", websocket + "&sid=x", handshake, 400, false},
	{"a bad handshake", "GET", websocket, handshake[:3], 400, true},
	{
		"a preflight", "OPTIONS", polling,
		[]string{"Origin: https://ours.example", "Access-Control-Request-Method: POST"},
		204, false,
	},
	{"OPTIONS", "OPTIONS", polling, nil, 204, false},
}

func TestHeadersOfEveryAnswer(t *testing.T) {
	_, address := serveTCP(t, func(cfg *Config) {
		cfg.CORS.Origins = []string{"https://ours.example"}
		cfg.CloseTimeout = 10 * time.Millisecond
		cfg.Headers = map[string]string{"strict-transport-security": "max-age=1", "X-Both": "every"}
		cfg.InitialHeaders = map[string]string{"X-First": "yes", "x-both": "first"}
	})
	for _, a := range answers {
		response := ask(t, address, a.method, a.query, a.header...)
		if response.StatusCode != a.status {
			t.Errorf("%s: status %d, want %d", a.name, response.StatusCode, a.status)
		}
		want := map[string]string{"Strict-Transport-Security": "max-age=1", "X-Both": "every", "X-First": ""}
		if a.first {
			want["X-Both"], want["X-First"] = "first", "yes"
		}
		for name, value := range want {
			if got := strings.Join(response.Header.Values(name), "|"); got != value {
				t.Errorf("%s: %s is %q, want %q", a.name, name, got, value)
			}
		}
	}
}

func TestHeaderFaults(t *testing.T) {
	for name, value := range map[string]string{
		"": "x", "a b": "x", "a:": "x", "X\r\nY": "x",
		"X-A": "a\r\nSet-Cookie: b", "X-B": "a\nb", "X-C": "a\x00", "X-D": "a\rb",
		"content-length": "1", "Connection": "close", "upgrade": "h2c", "Sec-WebSocket-Accept": "x", "cache-control": "public",
	} {
		if faults := headerFaults("headers", map[string]string{name: value}); len(faults) != 1 {
			t.Errorf("%q: %q has the faults %v", name, value, faults)
		}
	}
	if faults := headerFaults("headers", map[string]string{"x-a": "1", "X-A": "2"}); len(faults) != 1 {
		t.Errorf("a header that stands twice has the faults %v", faults)
	}
	if faults := headerFaults("headers", map[string]string{"x-a": "", "Set-Cookie": "a=b; Path=/", "Vary": "ä"}); len(faults) != 0 {
		t.Errorf("sound headers have the faults %v", faults)
	}
}

func TestCookie(t *testing.T) {
	for want, change := range map[string]func(*Cookie){
		"io=$; Path=/; HttpOnly; SameSite=Lax": func(*Cookie) {},
		"lb=$":                                 func(c *Cookie) { *c = Cookie{Name: "lb"} },
		"io=$; Path=/rt; Domain=example.com; Max-Age=90; HttpOnly; Secure; SameSite=None; Partitioned": func(c *Cookie) {
			*c = Cookie{"io", "/rt", "example.com", true, true, "None", 90 * time.Second, true}
		},
	} {
		_, address := serveTCP(t, func(cfg *Config) {
			cfg.Cookie.Name = "io"
			cfg.CORS.Origins = []string{"https://ours.example"}
			cfg.CloseTimeout = 10 * time.Millisecond
			change(&cfg.Cookie)
		})
		response := ask(t, address, "GET", polling)
		body := make([]byte, 29) // 0{"sid":" and the id
		if _, err := io.ReadFull(response.Body, body); err != nil {
			t.Fatal(err)
		}
		sid := string(body[9:])
		if got := strings.ReplaceAll(strings.Join(response.Header.Values("Set-Cookie"), "|"), sid, "$"); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		for _, a := range answers {
			if a.name == "a new session" {
				continue
			}
			if got := ask(t, address, a.method, a.query, a.header...).Header.Values("Set-Cookie"); len(got) > 0 {
				t.Errorf("%s: sets %s", a.name, got)
			}
		}
	}
}

func TestCookieFaults(t *testing.T) {
	for _, c := range []Cookie{
		{Name: "a b"},
		{Name: "io;"},
		{Name: "io", Path: "/;a"},
		{Name: "io", Path: "/\r\n"},
		{Name: "io", Domain: "a b"},
		{Name: "io", SameSite: "loose"},
		{Name: "io", SameSite: "none"},
		{Name: "io", MaxAge: -time.Second},
		{Name: "io", MaxAge: 1500 * time.Millisecond},
		{Name: "io", Partitioned: true},
	} {
		if err := c.validate(); err == nil {
			t.Errorf("%+v is sound", c)
		}
	}
	if err := (&Cookie{SameSite: "loose"}).validate(); err != nil {
		t.Errorf("a cookie that is off: %v", err)
	}
}

// A browser that offers subprotocols gives up where none of them is chosen.
func TestSubprotocols(t *testing.T) {
	_, address := serveTCP(t, func(cfg *Config) { cfg.CloseTimeout = 10 * time.Millisecond })
	for _, c := range []struct {
		offers []string
		status int
		chosen string
	}{
		{nil, 101, ""},
		{[]string{"chat"}, 101, "chat"},
		{[]string{"v2.chat, v1.chat"}, 101, "v2.chat"},
		{[]string{"a", "b"}, 101, "a"},
		{[]string{"@"}, 400, ""},
	} {
		header := handshake
		for _, offer := range c.offers {
			header = append(slices.Clip(header), "Sec-WebSocket-Protocol: "+offer)
		}
		response := ask(t, address, "GET", websocket, header...)
		if got := strings.Join(response.Header.Values("Sec-WebSocket-Protocol"), "|"); response.StatusCode != c.status || got != c.chosen {
			t.Errorf("%q: %d %q, want %d %q", c.offers, response.StatusCode, got, c.status, c.chosen)
		}
	}
}
