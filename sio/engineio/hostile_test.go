package engineio

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/gobwas/ws"

	"github.com/seed52a35d2d/realtime-server/sio/siotest"
)

// TestQueueOfAClientThatNeverPolls fills it to the limit and beyond.
func TestQueueOfAClientThatNeverPolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := guard(t, func(cfg *Config) { cfg.MaxQueue = 10_000 })
		defer g.close()
		g.want(1, "192.0.2.1:1", "in")
		s := <-g.sessions
		frame := sized(t, 1000, Options{})
		for n := range 10 {
			if err := s.Send(frame); err != nil {
				t.Errorf("number %d: %v", n, err)
			}
		}
		if err := s.Send(frame); !errors.Is(err, ErrSlowConsumer) {
			t.Errorf("one more: %v", err)
		}
		if s.state != stateClosed || len(s.out.frames) > 0 || s.out.bytes > 0 {
			t.Errorf("%d bytes are held in state %d", s.out.bytes, s.state)
		}
	})
}

// TestAnswerThatNobodyReads: a client asks for what is queued, and does not
// read it. The pipe takes no byte that is not read.
func TestAnswerThatNobodyReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := guard(t, func(*Config) {})
		listener := siotest.Serve(t, g)
		g.want(1, "192.0.2.1:1", "in")
		s := <-g.sessions
		if err := s.Send(NewFrame(make([]byte, 100_000), nil, Options{})); err != nil {
			t.Fatal(err)
		}
		conn := listener.Dial()
		defer conn.Close()
		request := "GET /?EIO=4&transport=polling&sid=" + s.ID() + " HTTP/1.1\r\nHost: test\r\n\r\n"
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
		heard := g.handler.(*recorder).closed
		if reason := <-heard; reason != PingTimeout && reason != TransportError {
			t.Errorf("closed for %v", reason)
		}
		g.close()
		if g.door.open != 0 {
			t.Errorf("%d clients are left", g.door.open)
		}
	})
}

// TestStorm has clients connect and leave all at once, and again, while the
// server tells those that are there something.
func TestStorm(t *testing.T) {
	const clients, times = 200, 20
	r, address := serveTCP(t, func(cfg *Config) { cfg.Limits.MaxConnections = clients + 100 })
	r.sessions, r.closed = make(chan *Session, clients*times), make(chan Reason, clients*times)
	var storm sync.WaitGroup
	for n := range clients {
		storm.Go(func() {
			for range times {
				conn, early, _, err := ws.Dialer{}.Dial(t.Context(), "ws://"+address+"/?EIO=4&transport=websocket")
				if errors.As(err, new(ws.StatusError)) {
					continue // those that left before are not all through
				}
				if err != nil {
					t.Error(err)
					return
				}
				if early != nil {
					ws.PutReader(early)
				}
				if n%2 == 0 {
					_, _ = conn.Write(masked(true, 0, ws.OpText, []byte("1"))) // or it has gone, which is the same
				}
				conn.Close()
			}
		})
	}
	frame := NewFrame([]byte("news"), nil, Options{})
	opened := 0
	done := make(chan struct{})
	go func() {
		storm.Wait()
		close(done)
	}()
	for over := false; !over || len(r.sessions) > 0; {
		select {
		case s := <-r.sessions:
			opened++
			_ = s.Send(frame) // may have left
		case <-done:
			over, done = true, nil
		}
	}
	for range opened {
		<-r.closed
	}
	if opened < clients {
		t.Errorf("only %d came in", opened)
	}
	// Others get in, and are heard. The session of somebody who has hung up may
	// still begin beside them.
	conn := dial(t, address)
	if _, err := conn.Write(masked(true, 0, ws.OpText, []byte("4well"))); err != nil {
		t.Fatal(err)
	}
	if got := <-r.messages; got != "well" {
		t.Errorf("heard %q", got)
	}
}

// TestRefusedRequestsHoldNothing: who only knocks at wrong doors costs nothing
// that stays.
func TestRefusedRequestsHoldNothing(t *testing.T) {
	g := guard(t, func(cfg *Config) { cfg.Limits.MaxConnectionsPerAddress = 1 })
	defer g.close()
	for n := range 1000 {
		for _, path := range []string{"/", "/?EIO=4&transport=polling&sid=" + newID(""), "/?EIO=3&transport=polling", "/?EIO=4&transport=websocket"} {
			r := httptest.NewRequest(http.MethodGet, path, nil)
			r.RemoteAddr = fmt.Sprintf("192.0.2.%d:1", n%256)
			g.ServeHTTP(httptest.NewRecorder(), r)
		}
	}
	if len(g.Server.sessions) > 0 || len(g.door.visitors) > 0 || g.door.open != 0 {
		t.Errorf("%d sessions, %d addresses, %d clients", len(g.Server.sessions), len(g.door.visitors), g.door.open)
	}
}
