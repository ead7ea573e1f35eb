package sio

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed52a35d2d/realtime-server/sio/siotest"
)

// strict is a Handler that refuses or disconnects everybody.
type strict struct {
	refuses bool
}

func (h *strict) Connect(context.Context, *Socket) (*Welcome, error) {
	if h.refuses {
		return nil, &Refusal{Message: "no"}
	}
	return &Welcome{}, nil
}

func (*strict) Connected(context.Context, *Socket) {}

func (*strict) Event(_ context.Context, s *Socket, _ *ClientEvent) {
	_ = s.Disconnect(Disconnect{}) // without a last event nothing can be wrong
}

func (*strict) Disconnected(context.Context, *Socket, End) {}

// TestClientsMayComeBackAtOnce has clients answer a refusal, or a DISCONNECT,
// with another CONNECT as soon as they read it. The server must be through
// with the old socket by then.
func TestClientsMayComeBackAtOnce(t *testing.T) {
	const clients, times = 8, 300
	for name, refuses := range map[string]bool{"after a refusal": true, "after a disconnect": false} {
		t.Run(name, func(t *testing.T) {
			cfg := DefaultConfig()
			cfg.Engine.EventLoop = siotest.EventLoop()
			server, err := New(cfg, &strict{refuses: refuses}, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
			if err != nil {
				t.Fatal(err)
			}
			listener := httptest.NewServer(server)
			defer listener.Close()
			defer server.Close(t.Context())
			var coming sync.WaitGroup
			for range clients {
				coming.Go(func() { comeBack(t, strings.TrimPrefix(listener.URL, "http://"), refuses, times) })
			}
			stop := make(chan struct{})
			var sending sync.WaitGroup
			sending.Go(func() { broadcastUntil(server, stop) })
			coming.Wait()
			close(stop)
			sending.Wait()
		})
	}
}

// broadcastUntil flushes queues that are others' to flush.
func broadcastUntil(server *Server, stop <-chan struct{}) {
	hub, _ := server.Namespace("/")
	for {
		select {
		case <-stop:
			return
		default:
			_, _ = hub.Emit(Target{Everyone: true}, &Event{Name: "news"}) // is sound
		}
	}
}

func comeBack(t *testing.T, address string, refused bool, times int) {
	t.Helper()
	w, err := dialWire(address)
	if err != nil {
		t.Error(err)
		return
	}
	defer w.Close()
	for n := range times {
		if !comesBack(w, refused) {
			t.Errorf("the server closed after %d times", n)
			return
		}
	}
}

// comesBack connects and waits to be put out.
func comesBack(w *wire, refused bool) bool {
	if w.say("40") != nil {
		return false
	}
	if refused {
		return w.hears("44")
	}
	return w.hears("40") && w.say(`42["put me out"]`) == nil && w.hears("41")
}
