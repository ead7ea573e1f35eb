package engineio

import (
	"bytes"
	"net"
	"testing"

	"github.com/gobwas/ws"
)

// flood writes many copies of a frame, and then others, as fast as the server takes
// them.
func flood(t *testing.T, conn net.Conn, frame []byte, count int, last ...[]byte) {
	t.Helper()
	stream := bytes.Repeat(frame, count)
	for _, p := range last {
		stream = append(stream, p...)
	}
	if _, err := conn.Write(stream); err != nil {
		t.Error(err)
	}
}

// TestFloodOfPingsIsAnsweredSparingly: the last ping has its answer, and the
// session goes on, but the server has not written as often as the client has
// asked.
func TestFloodOfPingsIsAnsweredSparingly(t *testing.T) {
	const count = 100_000
	r, address := serveTCP(t, func(*Config) {})
	conn := dial(t, address)
	session := <-r.sessions
	go flood(t, conn, masked(true, 0, ws.OpPing, []byte("x")), count,
		masked(true, 0, ws.OpPing, []byte("last")), masked(true, 0, ws.OpText, []byte("4after")))
	pongs := 0
	for last := false; !last; pongs++ {
		last = string(readFrame(t, conn)) == "last"
	}
	if got := <-r.messages; got != "after" {
		t.Errorf("heard %q", got)
	}
	if pongs > count/10 {
		t.Errorf("%d pongs for %d pings", pongs, count)
	}
	if err := session.Send(NewFrame([]byte("well"), nil, Options{})); err != nil {
		t.Error(err)
	}
	if got := readFrame(t, conn); string(got) != "4well" {
		t.Errorf("heard %q", got)
	}
}

// TestFloodOfPingsOfEngineIO3 is the same for the pings of its clients.
func TestFloodOfPingsOfEngineIO3(t *testing.T) {
	const count = 100_000
	r, address := serveTCP(t, func(cfg *Config) { cfg.AllowEIO3 = true })
	conn, early, _, err := ws.Dialer{}.Dial(t.Context(), "ws://"+address+"/?EIO=3&transport=websocket")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if early != nil {
		ws.PutReader(early) // it holds the OPEN packet alone
	} else {
		readFrame(t, conn)
	}
	<-r.sessions
	go flood(t, conn, masked(true, 0, ws.OpText, []byte("2")), count, masked(true, 0, ws.OpText, []byte("4after")))
	if got := <-r.messages; got != "after" {
		t.Errorf("heard %q", got)
	}
	if _, err := conn.Write(masked(true, 0, ws.OpPing, []byte("last"))); err != nil {
		t.Fatal(err)
	}
	pongs := 0
	for string(readFrame(t, conn)) != "last" {
		pongs++
	}
	if pongs == 0 || pongs > count/10 {
		t.Errorf("%d pongs for %d pings", pongs, count)
	}
}

// TestFloodWithoutReading: a client that floods and does not read what is
// answered is bounded like any other slow client.
func TestFloodWithoutReading(t *testing.T) {
	r, address := serveTCP(t, func(cfg *Config) { cfg.MaxQueue = 10_000 })
	conn := dial(t, address)
	session := <-r.sessions
	payload := bytes.Repeat([]byte("x"), 125)
	ping := masked(true, 0, ws.OpPing, payload)
	most := 0
	for range 2000 {
		if _, err := conn.Write(bytes.Repeat(ping, 50)); err != nil {
			break // the session has ended, as a slow consumer
		}
		session.mu.Lock()
		most = max(most, session.out.bytes)
		session.mu.Unlock()
	}
	if most > 10_000+200 {
		t.Errorf("%d bytes were queued", most)
	}
}
