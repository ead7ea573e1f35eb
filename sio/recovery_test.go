package sio

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/seed52a35d2d/realtime-server/sio/adapter"
	"github.com/seed52a35d2d/realtime-server/sio/siotest"
)

// lobbyist is a Handler that lets everybody in, into the rooms of its auth.
type lobbyist struct{ strict }

func (*lobbyist) Connect(_ context.Context, s *Socket) (*Welcome, error) {
	var auth struct {
		User  string
		Rooms []string
	}
	err := json.Unmarshal(s.Auth(), &auth)
	return &Welcome{User: auth.User, Rooms: auth.Rooms, Events: []*Event{{Name: "welcome"}}}, err
}

func (*lobbyist) Event(context.Context, *Socket, *ClientEvent) {}

// witness is a store that notes, for every event, which connections are to get
// it: those that the index finds, and those that it would find if they had not
// lost their clients.
type witness struct {
	*eventLog
	hub *Namespace

	mu  sync.Mutex
	due map[string][]string // offsets, by connection id
}

func (w *witness) record(namespace string, e *recorded) {
	all := w.hub.Sockets(e.target)
	shadows := adapter.NewIndex[string](1000)
	w.eventLog.mu.Lock()
	for _, at := range w.absent {
		a := leavingOf(at).absentee
		_ = shadows.Add(&adapter.Member[string]{ID: a.id, User: a.user, Value: a.id}, a.stays.rooms()) // there are few
	}
	w.eventLog.mu.Unlock()
	ids := shadows.Match(nil, e.target)
	for _, s := range all {
		ids = append(ids, s.ID())
	}
	w.mu.Lock()
	for _, id := range ids {
		w.due[id] = append(w.due[id], e.offset.String())
	}
	w.mu.Unlock()
	w.eventLog.record(namespace, e)
}

// dueTo is what a connection is to get.
func (w *witness) dueTo(id string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.due[id])
}

// traveller is a client that loses its connection again and again.
type traveller struct {
	t       *testing.T
	address string
	auth    string
	store   recoveryStore
	rand    *rand.Rand
	pace    chan<- struct{} // one for each message read, as far as there is room

	wire     *wire
	sid      string
	pid      string
	got      []string // offsets, all of this sid
	connects int
}

// connect connects, with pid and offset of before.
func (v *traveller) connect() bool {
	w, err := dialWire(v.address)
	if err != nil {
		v.t.Error(err)
		return false
	}
	v.wire = w
	auth := map[string]any{}
	_ = json.Unmarshal([]byte(v.auth), &auth) // is JSON
	if v.pid != "" {
		auth["pid"] = v.pid
	}
	if len(v.got) > 0 {
		auth["offset"] = v.got[len(v.got)-1]
	}
	text, _ := json.Marshal(auth) // texts
	ok := w.say("40"+string(text)) == nil
	for connects := v.connects; ok && v.connects == connects; {
		ok = v.read()
	}
	return ok
}

// read takes the next message. It is false at the end of the connection.
func (v *traveller) read() bool {
	header, err := ws.ReadHeader(v.wire.r)
	if err != nil || header.OpCode == ws.OpClose {
		return false
	}
	payload := make([]byte, header.Length)
	if _, err := io.ReadFull(v.wire.r, payload); err != nil {
		return false
	}
	select {
	case v.pace <- struct{}{}:
	default:
	}
	text := string(payload)
	switch {
	case strings.HasPrefix(text, "40"):
		v.enter(text[2:])
	case strings.HasPrefix(text, "42"):
		var event []any
		if err := json.Unmarshal(payload[2:], &event); err != nil {
			v.t.Error(err)
		}
		if offset, ok := event[len(event)-1].(string); ok && event[0] != "glimpse" {
			v.got = append(v.got, offset)
		}
	}
	return true
}

func (v *traveller) enter(text string) {
	var told struct{ SID, PID string }
	if err := json.Unmarshal([]byte(text), &told); err != nil {
		v.t.Error(err)
	}
	if v.pid != "" && told.PID != v.pid {
		v.t.Errorf("%s was not recovered", v.sid)
	}
	v.connects++
	v.sid, v.pid = told.SID, told.PID
}

// travel reads for a while and loses the connection, with what has come last,
// some times over.
func (v *traveller) travel(times int) {
	ok := v.connect()
	for n := 0; ok && n < times; n++ {
		for range v.rand.IntN(20) {
			ok = ok && v.read()
		}
		v.lose()
		ok = ok && v.connect()
	}
	if !ok {
		v.t.Error("the server has ended the connection")
	}
}

// lose cuts the connection and waits until the server has noticed.
func (v *traveller) lose() {
	_ = v.wire.Close()
	for v.store.find(v.pid) == nil {
		runtime.Gosched()
	}
	lost := min(v.rand.IntN(4), len(v.got))
	v.got = v.got[:len(v.got)-lost]
}

// TestNothingLostNothingTwice has clients lose their connections while others
// send to them and move them between rooms. Each of them gets exactly the
// events whose targets it was in at their time, in order.
func TestNothingLostNothingTwice(t *testing.T) {
	const travellers, times = 12, 40
	cfg := DefaultConfig()
	cfg.Engine.EventLoop = siotest.EventLoop()
	cfg.Recovery.Enabled = true
	server, err := New(cfg, &lobbyist{}, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	hub, _ := server.Namespace("/")
	spy := &witness{eventLog: server.store.(*eventLog), hub: hub, due: map[string][]string{}}
	hub.recovery.store = spy
	listener := httptest.NewServer(server)
	address, seed := strings.TrimPrefix(listener.URL, "http://"), rand.Uint64()
	t.Logf("seed %d", seed)

	stop, pace := make(chan struct{}), make(chan struct{}, travellers)
	var meddling sync.WaitGroup
	for n := range 4 {
		meddling.Go(func() { meddle(t, hub, rand.New(rand.NewPCG(seed, uint64(n))), pace, stop) })
	}
	var travelling sync.WaitGroup
	all := make([]*traveller, travellers)
	for n := range all {
		all[n] = &traveller{
			t: t, address: address, store: spy, pace: pace, rand: rand.New(rand.NewPCG(seed, uint64(100+n))),
			auth: fmt.Sprintf(`{"user":"u%d","rooms":["r%d","r%d"]}`, n%3, n%4, n%5),
		}
		travelling.Go(func() { all[n].travel(times) })
	}
	travelling.Wait()
	close(stop)
	meddling.Wait()
	for _, v := range all {
		due := spy.dueTo(v.sid)
		for len(v.got) == 0 || v.got[len(v.got)-1] != due[len(due)-1] {
			if !v.read() {
				t.Fatal("the connection has ended")
			}
		}
		if due = spy.dueTo(v.sid); !slices.Equal(v.got, due) { // with the last welcome
			t.Errorf("%s has got %d events, and was to get %d", v.sid, len(v.got), len(due))
		}
		_ = v.wire.Close()
	}
	server.Close(t.Context())
	listener.Close()
	checkNothingKept(t, server)
}

// meddle sends, and moves clients between rooms, about as fast as they read.
func meddle(t *testing.T, hub *Namespace, random *rand.Rand, pace, stop <-chan struct{}) {
	t.Helper()
	idle := time.NewTicker(time.Millisecond)
	defer idle.Stop()
	room := func() string { return fmt.Sprint("r", random.IntN(7)) }
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		case <-pace:
		case <-idle.C:
		}
		target := Target{Rooms: []string{room(), room()}}
		switch random.IntN(8) {
		case 0:
			hub.Join(target, []string{room()})
		case 1:
			hub.Leave(target, []string{room()})
		case 2:
			target = Target{Everyone: true, ExceptUsers: []string{"u1"}}
		case 3:
			target.Users, target.ExceptRooms = []string{"u2"}, []string{room()}
		case 4:
			target = Target{Everyone: true} // who is in no room waits for something, too
		case 5:
			for _, s := range hub.Sockets(target) {
				_ = s.Emit(&Event{Name: "you"}) // may just have left
			}
		}
		event := &Event{Name: "news", Args: []Arg{{JSON: []byte(fmt.Sprint(n))}}}
		if n%10 == 0 {
			event = &Event{Name: "glimpse", Volatile: true}
		}
		if _, err := hub.Emit(target, event); err != nil {
			t.Error(err)
		}
	}
}

// checkNothingKept looks for what recovery may have left behind.
func checkNothingKept(t *testing.T, server *Server) {
	t.Helper()
	l, ok := server.store.(*eventLog)
	if !ok {
		t.Fatal("the store is another one")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.logs)+l.events.Len()+l.leavings.Len()+len(l.absent)+l.eventBytes+l.absentBytes > 0 {
		t.Errorf("left: %d logs, %d events (%d bytes), %d absentees (%d bytes)",
			len(l.logs), l.events.Len(), l.eventBytes, l.leavings.Len(), l.absentBytes)
	}
	m := server.metrics
	for name, gauge := range map[string]prometheus.Gauge{
		"events": m.recoveryEvents, "bytes": m.recoveryBytes, "absentees": m.recoveryAbsent,
	} {
		if n := testutil.ToFloat64(gauge); n != 0 {
			t.Errorf("the gauge of %s shows %v", name, n)
		}
	}
	d := server.namespaces
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.dynamic) > 0 || d.alive > 0 {
		t.Errorf("%d dynamic namespaces are left, %d alive", len(d.dynamic), d.alive)
	}
}
