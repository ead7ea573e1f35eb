package sio

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"github.com/seed52a35d2d/realtime-server/sio/siotest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sociable is a Handler whose sockets join rooms on every occasion. Every second
// one has to wait in the lobby until it says something.
type sociable struct {
	mu            sync.Mutex
	connects      int
	connected     map[string]bool
	disconnected  int
	disconnects   map[string]int
	beforeConnect int // events of sockets that Connected was not called for
}

func (h *sociable) Connect(context.Context, *Socket) (*Welcome, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.connects++
	return &Welcome{User: "everyone", Rooms: []string{"lobby"}, Lobby: h.connects%2 == 0}, nil
}

func (h *sociable) Connected(_ context.Context, s *Socket) {
	h.mu.Lock()
	h.connected[s.ID()] = true
	h.mu.Unlock()
	_ = s.Join("connected") // may have left already
}

func (h *sociable) Event(_ context.Context, s *Socket, e *ClientEvent) {
	h.mu.Lock()
	if !h.connected[s.ID()] {
		h.beforeConnect++
	}
	h.mu.Unlock()
	if s.InLobby() {
		_ = s.Enter(&Welcome{User: "everyone", Rooms: []string{"lobby"}}) // may have left already
	}
	_ = s.Join("event " + s.ID())
	s.Leave("connected")
	_ = e.Ack()
}

func (h *sociable) Disconnected(_ context.Context, s *Socket, _ End) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.disconnected++
	h.disconnects[s.ID()]++
}

// visit connects, says something, and leaves in one of several ways. That the
// API cuts it off at any moment is part of the game.
func visit(address string, way int) error {
	w, err := dialWire(address)
	if err != nil {
		return err
	}
	defer w.Close()
	if err := w.say("40"); err != nil || !w.hears("40") {
		return err
	}
	for _, text := range []string{`42["hello"]`, `421["hello"]`, `431[]`, `432[]`} {
		if err := w.say(text); err != nil {
			return err
		}
	}
	switch way % 4 {
	case 0:
		return w.say("41")
	case 1:
		return w.say("nonsense")
	case 2:
		w.hears("43")
	}
	return nil
}

// pester asks everybody for acknowledgements, and accounts for all of them.
func pester(t *testing.T, hub *Namespace, stop <-chan struct{}) {
	t.Helper()
	for {
		select {
		case <-stop:
			return
		default:
		}
		acks, err := hub.EmitWithAck(Target{Rooms: []string{"lobby"}}, &Event{Name: "well?"}, time.Millisecond)
		if err != nil {
			t.Error(err)
			return
		}
		told := 0
		for _, err := acks.Next(t.Context()); err == nil; _, err = acks.Next(t.Context()) {
			told++
		}
		if told != acks.Matched {
			t.Errorf("%d of %d sockets were accounted for", told, acks.Matched)
		}
		acks.Close()
	}
}

// TestChurnLeavesNothing has clients come and go while the API joins, sends to
// and disconnects them. In the end no member, room, session, goroutine or
// gauge is left, and every Connected had its one Disconnected.
func TestChurnLeavesNothing(t *testing.T) {
	const visitors, visits = 20, 25
	h := &sociable{connected: map[string]bool{}, disconnects: map[string]int{}}
	cfg := DefaultConfig()
	cfg.Engine.EventLoop = siotest.EventLoop()
	cfg.DisconnectGrace, cfg.Engine.CloseTimeout = 10*time.Millisecond, 10*time.Millisecond // visitors do not say goodbye
	server, err := New(cfg, h, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	listener := httptest.NewServer(server)
	hub, _ := server.Namespace("/")

	var coming sync.WaitGroup
	for visitor := range visitors {
		coming.Go(func() {
			for n := range visits {
				// A connection that the API has cut is part of the game.
				_ = visit(strings.TrimPrefix(listener.URL, "http://"), visitor+n)
			}
		})
	}
	stop := make(chan struct{})
	var meddling sync.WaitGroup
	meddling.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			hub.Join(Target{Rooms: []string{"lobby"}}, []string{fmt.Sprint("api ", n%7)})
			if _, err := hub.Emit(Target{Everyone: true}, &Event{Name: "news"}); err != nil {
				t.Error(err)
			}
			if n%10 == 0 {
				if _, err := hub.Disconnect(Target{Rooms: []string{"api 3"}}, Disconnect{Reconnect: n%20 == 0}); err != nil {
					t.Error(err)
				}
			}
		}
	})
	meddling.Go(func() { pester(t, hub, stop) })
	coming.Wait()
	close(stop)
	meddling.Wait()
	server.Close(t.Context())
	listener.Close()

	if rooms := hub.Rooms(); len(rooms) > 0 {
		t.Errorf("rooms are left: %v", rooms)
	}
	if ghosts := hub.Sockets(Target{Everyone: true}); len(ghosts) > 0 {
		t.Errorf("%d sockets are left", len(ghosts))
	}
	if got := testutil.ToFloat64(hub.sockets); got != 0 {
		t.Errorf("the gauge of sockets shows %v", got)
	}
	if got := testutil.ToFloat64(hub.lobby); got != 0 {
		t.Errorf("the gauge of the lobby shows %v", got)
	}
	if got := server.asking.pending.Load(); got != 0 {
		t.Errorf("%d acknowledgements are waited for", got)
	}
	if h.disconnected != len(h.connected) || len(h.disconnects) != len(h.connected) {
		t.Errorf("%d sockets connected, %d disconnects of %d sockets", len(h.connected), h.disconnected, len(h.disconnects))
	}
	if h.beforeConnect > 0 {
		t.Errorf("%d events came before their socket was connected", h.beforeConnect)
	}
	if len(h.connected) < visitors*visits/2 {
		t.Errorf("only %d of %d visits got in", len(h.connected), visitors*visits)
	}
}
