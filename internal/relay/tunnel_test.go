package relay

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/seed52a35d2d/realtime-server/sio/engineio"
)

// socket is a WebSocket of a client.
type socket struct {
	net.Conn
	r io.Reader
}

// upgrade opens the WebSocket of a polling session at a node.
func (n *node) upgrade(query string) *socket {
	n.t.Helper()
	s, err := n.dial(query)
	if err != nil {
		n.t.Fatal(err)
	}
	return s
}

func (n *node) dial(query string) (*socket, error) {
	n.t.Helper()
	url := strings.Replace(n.url, "http", "ws", 1) + "/?" + strings.Replace(query, "polling", "websocket", 1)
	conn, early, _, err := ws.Dial(n.t.Context(), url)
	if err != nil {
		return nil, err
	}
	n.t.Cleanup(func() { conn.Close() })
	s := &socket{conn, conn}
	if early != nil {
		s.r = early
	}
	return s, nil
}

func (s *socket) say(t *testing.T, text string) {
	t.Helper()
	if err := ws.WriteFrame(s, ws.MaskFrameInPlace(ws.NewTextFrame([]byte(text)))); err != nil {
		t.Error(err)
	}
}

func (s *socket) hear(t *testing.T) string {
	t.Helper()
	header, err := ws.ReadHeader(s.r)
	if err != nil {
		t.Fatal(err)
	}
	payload := make([]byte, header.Length)
	if _, err := io.ReadFull(s.r, payload); err != nil {
		t.Fatal(err)
	}
	return string(payload)
}

// move brings a session of one node to a WebSocket at another.
func move(t *testing.T, owner, via *node) (*socket, *engineio.Session) {
	t.Helper()
	query, session := owner.open()
	s := via.upgrade(query)
	s.say(t, "2probe")
	if got := s.hear(t); got != "3probe" {
		t.Fatalf("the probe is answered with %q", got)
	}
	s.say(t, "5")
	s.say(t, "4hello")
	if got := <-owner.messages; string(got.Data) != "hello" || session.Transport() != engineio.WebSocket {
		t.Fatalf("got %q over %s", got.Data, session.Transport())
	}
	return s, session
}

// TestUpgrade: polls at the owner, the WebSocket at another node; and what then
// goes through, in both directions at once.
func TestUpgrade(t *testing.T) {
	w := newWorld()
	a, b := w.start(t, "aaaa", options{}), w.start(t, "bbbb", options{})
	s, session := move(t, a, b)
	if got := b.inFlight("websocket"); got != 1 {
		t.Errorf("%v WebSockets are under way", got)
	}
	const rounds, size = 40, 100_000
	var sending sync.WaitGroup
	sending.Go(func() {
		for n := range rounds {
			s.say(t, "4"+strings.Repeat(string(rune('a'+n%26)), size))
		}
	})
	sending.Go(func() {
		for n := range rounds {
			send(t, session, strings.Repeat(string(rune('A'+n%26)), size))
		}
	})
	for n := range rounds {
		if got, want := s.hear(t), "4"+strings.Repeat(string(rune('A'+n%26)), size); got != want {
			t.Fatalf("message %d is %d bytes of %.2s", n, len(got), got)
		}
		if got, want := string((<-a.messages).Data), strings.Repeat(string(rune('a'+n%26)), size); got != want {
			t.Fatalf("message %d at the owner is %d bytes of %.1s", n, len(got), got)
		}
	}
	sending.Wait()
	s.Close()
	if got := <-a.closed; got != engineio.TransportClose {
		t.Errorf("the session ended with %v", got)
	}
	b.wantCounted(upgraded, 1)
}

// TestOwnerEndsWebSocket: its last word arrives.
func TestOwnerEndsWebSocket(t *testing.T) {
	w := newWorld()
	a, b := w.start(t, "aaaa", options{}), w.start(t, "bbbb", options{})
	s, session := move(t, a, b)
	send(t, session, "bye")
	session.Close(engineio.ForcedClose)
	rest, err := io.ReadAll(s.r)
	if err != nil || !bytes.Contains(rest, []byte("4bye")) || !bytes.Contains(rest, ws.CompiledCloseNormalClosure[:1]) {
		t.Errorf("the client got %q, %v", rest, err)
	}
	s.Close()
	b.wantCounted(upgraded, 1)
}

// TestClientThatVanished: the owner gives it up, and so does who relays.
func TestClientThatVanished(t *testing.T) {
	w := newWorld()
	a := w.start(t, "aaaa", options{engine: func(cfg *engineio.Config) {
		cfg.PingInterval, cfg.PingTimeout = 50*time.Millisecond, 50*time.Millisecond
	}})
	b := w.start(t, "bbbb", options{})
	b.relay.linger = 50 * time.Millisecond
	query, _ := a.open()
	s := b.upgrade(query)
	s.say(t, "2probe")
	s.say(t, "5") // and never again
	if got := <-a.closed; got != engineio.PingTimeout {
		t.Errorf("the session ended with %v", got)
	}
	b.wantCounted(upgraded, 1)
}

// TestClientThatReadsNothing takes no piece in time, and is given up.
func TestClientThatReadsNothing(t *testing.T) {
	w := newWorld()
	a := w.start(t, "aaaa", options{engine: func(cfg *engineio.Config) { cfg.MaxQueue = 1 << 20 }})
	b := w.start(t, "bbbb", options{})
	b.relay.patience, b.relay.linger = 200*time.Millisecond, 50*time.Millisecond
	_, session := move(t, a, b)
	for full := false; !full; {
		full = session.Send(engineio.NewFrame(make([]byte, 100_000), nil, engineio.Options{})) != nil
	}
	if got := <-a.closed; got != engineio.SlowConsumer && got != engineio.TransportClose {
		t.Errorf("the session ended with %v", got)
	}
	b.wantCounted(upgraded, 1)
}

// TestOwnerOfWebSocketDies without a word: its machine is off, say.
func TestOwnerOfWebSocketDies(t *testing.T) {
	w := newWorld()
	a, b := w.start(t, "aaaa", options{}), w.start(t, "bbbb", options{})
	s, _ := move(t, a, b)
	until(t, "the owner is known to live", func() bool {
		return len(b.relay.those(func(c *call) bool { return c.websocket && c.known.Load() })) == 1
	})
	w.forget("aaaa")
	if _, err := ws.ReadHeader(s.r); err == nil {
		t.Error("the WebSocket goes on")
	}
	b.wantCounted(upgraded, 1)
	<-a.closed
}

// TestRefusedUpgrade: the owner's answer passes, and the connection ends.
func TestRefusedUpgrade(t *testing.T) {
	w := newWorld()
	a := w.start(t, "aaaa", options{engine: func(cfg *engineio.Config) { cfg.AllowUpgrades = false }})
	b := w.start(t, "bbbb", options{})
	query, _ := a.open()
	conn, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, err = io.WriteString(conn, "GET /?"+strings.Replace(query, "polling", "websocket", 1)+" HTTP/1.1\r\nHost: x\r\n"+
		"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	if err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	response, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusBadRequest || !strings.Contains(string(body), `"code":3`) {
		t.Errorf("%d %s %v", response.StatusCode, body, err)
	}
	if _, err := r.ReadByte(); err != io.EOF {
		t.Errorf("the connection goes on: %v", err)
	}
	b.wantCounted(answered, 1)
}

// TestDrain sends away whom only this node carries, and leaves polls alone.
func TestDrain(t *testing.T) {
	w := newWorld()
	a, b := w.start(t, "aaaa", options{}), w.start(t, "bbbb", options{})
	const clients = 5
	for range clients {
		move(t, a, b)
	}
	query, session := a.open()
	var polling sync.WaitGroup
	polling.Go(func() {
		if got := b.must(http.MethodGet, query, "", nil).String(); got != "200 4still here" {
			t.Error(got)
		}
	})
	until(t, "a poll waits", func() bool { return b.inFlight("request") == 1 })
	b.relay.Drain(context.Background(), 10*time.Millisecond)
	for range clients {
		if got := <-a.closed; got != engineio.TransportClose {
			t.Errorf("a session ended with %v", got)
		}
	}
	b.wantCounted(upgraded, clients)
	send(t, session, "still here")
	polling.Wait()
	if _, err := b.dial(query); err == nil {
		t.Error("a WebSocket begins at a node that drains")
	}
	b.wantCounted(closing, 1)
}

// TestCloseEndsWebSockets and waits for them.
func TestCloseEndsWebSockets(t *testing.T) {
	w := newWorld()
	a, b := w.start(t, "aaaa", options{}), w.start(t, "bbbb", options{})
	move(t, a, b)
	b.relay.Close()
	if got := b.inFlight("websocket"); got != 0 {
		t.Errorf("%v are left", got)
	}
	<-a.closed
}
