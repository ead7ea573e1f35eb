package sio

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gobwas/ws"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/seed52a35d2d/realtime-server/sio/siotest"
)

// keeper is a Handler whose Welcomes are made by a function.
type keeper struct {
	welcome func(s *Socket) *Welcome
	ended   chan string // ids
}

func (k *keeper) Connect(_ context.Context, s *Socket) (*Welcome, error) { return k.welcome(s), nil }
func (k *keeper) Connected(context.Context, *Socket)                     {}
func (k *keeper) Event(context.Context, *Socket, *ClientEvent)           {}
func (k *keeper) Disconnected(_ context.Context, s *Socket, _ End)       { k.ended <- s.ID() }

// keep runs a server with recovery. It returns the server's address.
func keep(t *testing.T, k *keeper) (*Server, string) {
	t.Helper()
	k.ended = make(chan string, 9)
	cfg := DefaultConfig()
	cfg.Engine.EventLoop = siotest.EventLoop()
	cfg.Recovery.Enabled = true
	server, err := New(cfg, k, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	listener := httptest.NewServer(server)
	t.Cleanup(func() {
		server.Close(context.Background())
		listener.Close()
		checkNothingKept(t, server)
	})
	return server, strings.TrimPrefix(listener.URL, "http://")
}

// told is how CONNECT was answered.
type told struct {
	SID, PID, Message string
	wire              *wire
}

// knock connects to "/" and reads the answer.
func knock(t *testing.T, address, auth string) told {
	t.Helper()
	w, err := dialWire(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	if err := w.say("40" + auth); err != nil {
		t.Fatal(err)
	}
	for {
		header, err := ws.ReadHeader(w.r)
		if err != nil {
			t.Fatal(err)
		}
		payload := make([]byte, header.Length)
		if _, err := io.ReadFull(w.r, payload); err != nil {
			t.Fatal(err)
		}
		if text := string(payload); strings.HasPrefix(text, "40") || strings.HasPrefix(text, "44") {
			answer := told{wire: w}
			if err := json.Unmarshal(payload[2:], &answer); err != nil {
				t.Fatal(err)
			}
			return answer
		}
	}
}

func TestMemoryDecidesWhoComesBack(t *testing.T) {
	asked := make(chan string, 9)
	var recalls atomic.Bool
	k := &keeper{welcome: func(*Socket) *Welcome {
		return &Welcome{User: "ada", Memory: []byte("first"), Recall: func(memory []byte) bool {
			asked <- string(memory)
			return recalls.Load()
		}}
	}}
	server, address := keep(t, k)
	was := knock(t, address, "")
	socket, _ := server.Namespaces()[0].Socket(was.SID)
	socket.Renew("data", []byte("second"))
	if socket.Data() != "data" {
		t.Errorf("the data is %v", socket.Data())
	}
	back := `{"pid":"` + was.PID + `"}`
	_ = was.wire.Close()
	<-k.ended
	if is := knock(t, address, back); is.SID == was.SID {
		t.Error("the client is back against the handler's will")
	}
	recalls.Store(true)
	if is := knock(t, address, back); is.SID != was.SID {
		t.Error("the client is not back")
	}
	for len(asked) > 0 {
		if memory := <-asked; memory != "second" {
			t.Errorf("the memory is %q", memory)
		}
	}
	if n := testutil.ToFloat64(server.metrics.recoveries.WithLabelValues(outRefused)); n != 1 {
		t.Errorf("%v were refused", n)
	}
}

// TestLastWord: who is kept out at the last moment was found by those who look
// for sockets, is not any more, and leaves nothing behind.
func TestLastWord(t *testing.T) {
	var found atomic.Int32
	var keepsOut atomic.Bool
	k := &keeper{welcome: func(s *Socket) *Welcome {
		return &Welcome{User: "ada", Admit: func() error {
			found.Add(int32(len(s.namespace.index.Match(nil, Target{Users: []string{"ada"}}))))
			if keepsOut.Load() {
				return &Refusal{Message: "no"}
			}
			return nil
		}}
	}}
	server, address := keep(t, k)
	was := knock(t, address, "")
	_ = was.wire.Close()
	<-k.ended
	keepsOut.Store(true)
	for _, auth := range []string{"", `{"pid":"` + was.PID + `"}`} {
		if is := knock(t, address, auth); is.Message != "no" {
			t.Errorf("%s: got %+v", auth, is)
		}
	}
	if n := found.Load(); n != 3 {
		t.Errorf("%d were found, want each of the three", n)
	}
	if left := server.Namespaces()[0].Sockets(Target{Everyone: true}); len(left) > 0 {
		t.Errorf("%d are left", len(left))
	}
	if len(k.ended) > 0 {
		t.Error("the handler hears of the end of one who was never in")
	}
}
