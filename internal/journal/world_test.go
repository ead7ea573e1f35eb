package journal

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/seed52a35d2d/realtime-server/internal/redisbus"
	"github.com/seed52a35d2d/realtime-server/internal/testenv"
	"github.com/seed52a35d2d/realtime-server/sio"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is nodes that share a Redis.
type world struct {
	t       *testing.T
	redis   *testenv.Redis
	recover sio.Recovery

	mu    sync.Mutex
	nodes map[string]*node // by tag
}

func newWorld(t *testing.T) *world {
	t.Helper()
	recovery := sio.DefaultConfig().Recovery
	recovery.Enabled, recovery.Store = true, sio.StoreRedis
	return &world{t: t, redis: testenv.StartRedis(t), recover: recovery, nodes: map[string]*node{}}
}

// node is a Socket.IO server with its journal. It tells what the server hears,
// and stops that while the test does something else.
type node struct {
	*sio.Server
	world    *world
	name     string
	address  string
	journal  *Journal
	bus      *redisbus.Bus
	listener *httptest.Server

	mu sync.Mutex // held while the server hears
	at string     // the last entry that it has heard
}

func (n *node) Hear(e sio.Entry) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.Server.Hear(e)
	n.at = e.ID
}

// start starts a node that finds Redis at an address.
func (w *world) start(name, redis string) *node {
	w.t.Helper()
	cfg, log := sio.DefaultConfig(), slog.New(slog.DiscardHandler)
	cfg.Recovery = w.recover
	cfg.Engine.Tag = func() string { return name }
	cfg.Engine.CloseTimeout = time.Second
	server, err := sio.New(cfg, usher{}, log, prometheus.NewRegistry())
	if err != nil {
		w.t.Fatal(err)
	}
	ofRedis := redisbus.DefaultConfig()
	ofRedis.Addresses = []string{redis}
	bus, err := redisbus.New(ofRedis, log, prometheus.NewRegistry())
	if err != nil {
		w.t.Fatal(err)
	}
	n := &node{Server: server, world: w, name: name, bus: bus}
	n.journal = New(Params{
		Client: bus.Client(), Prefix: "test", Holder: Holder{Tag: name, Node: "node-" + name},
		MaxAge: cfg.Recovery.MaxDisconnection, MaxEntries: cfg.Recovery.MaxEvents,
		CallTimeout: time.Second, Listener: n, LetGo: w.letGo,
		Log: log, Metrics: prometheus.NewRegistry(),
	})
	server.Share(n.journal)
	w.mu.Lock()
	w.nodes[name] = n
	w.mu.Unlock()
	n.journal.Start()
	n.listener = httptest.NewServer(server)
	n.address = strings.TrimPrefix(n.listener.URL, "http://")
	w.t.Cleanup(n.stop)
	return n
}

// letGo asks a node as another one would.
func (w *world) letGo(ctx context.Context, holder Holder, pid string) {
	w.mu.Lock()
	n := w.nodes[holder.Tag]
	w.mu.Unlock()
	if n != nil {
		n.LetGo(ctx, pid)
	}
}

func (n *node) stop() {
	n.world.mu.Lock()
	delete(n.world.nodes, n.name)
	n.world.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	n.Close(ctx)
	n.journal.Close()
	_ = n.bus.Close()
	n.listener.Close()
}

func (n *node) hub() *sio.Namespace {
	ns, ok := n.Namespace("/")
	if !ok {
		n.world.t.Fatal("there is no /")
	}
	return ns
}

// usher lets everybody in: as the user of the auth, and newcomers into its rooms.
type usher struct{}

func (usher) Connect(_ context.Context, s *sio.Socket) (*sio.Welcome, error) {
	var auth struct {
		User   string
		Rooms  []string
		Refuse bool
	}
	if err := json.Unmarshal(s.Auth(), &auth); err != nil {
		return nil, err
	}
	if auth.Refuse {
		return nil, &sio.Refusal{Message: "no"}
	}
	w := &sio.Welcome{User: auth.User, Rooms: auth.Rooms, Events: []*sio.Event{{Name: "welcome"}}}
	if s.Recovering() != "" {
		w.Rooms = nil
	}
	return w, nil
}

func (usher) Connected(context.Context, *sio.Socket)               {}
func (usher) Event(context.Context, *sio.Socket, *sio.ClientEvent) {}
func (usher) Disconnected(context.Context, *sio.Socket, sio.End)   {}

// traveller is a client that goes from node to node.
type traveller struct {
	t    *testing.T
	auth map[string]any

	conn      net.Conn
	r         io.Reader
	sid, pid  string
	recovered bool
	refusal   string
	got       []string // offsets, all of this sid
	heard     []any    // the last event
}

func newTraveller(t *testing.T, user string, rooms ...string) *traveller {
	t.Helper()
	return &traveller{t: t, auth: map[string]any{"user": user, "rooms": rooms}}
}

// enter connects to a node, and says what it was before. It is false if the
// server ends the connection.
func (v *traveller) enter(n *node) bool {
	conn, early, _, err := ws.Dial(context.Background(), "ws://"+n.address+"/?EIO=4&transport=websocket")
	if err != nil {
		v.t.Error(err)
		return false
	}
	v.conn, v.r = conn, conn
	if early != nil {
		v.r = io.MultiReader(early, conn)
	}
	delete(v.auth, "offset")
	if v.pid != "" {
		v.auth["pid"] = v.pid
	}
	if len(v.got) > 0 {
		v.auth["offset"] = v.got[len(v.got)-1]
	}
	text, _ := json.Marshal(v.auth) // texts
	if err := ws.WriteFrame(conn, ws.MaskFrame(ws.NewTextFrame(append([]byte("40"), text...)))); err != nil {
		v.t.Error(err)
		return false
	}
	v.recovered, v.refusal = false, ""
	was := v.pid
	for v.sid, v.pid = "", ""; v.sid == "" && v.refusal == ""; {
		if !v.read() {
			return false
		}
	}
	if v.refusal != "" {
		v.pid = was
		return true
	}
	if v.recovered = was == v.pid; !v.recovered {
		v.got = nil
	}
	return true
}

// leave cuts the connection. What has come last is lost with it.
func (v *traveller) leave(lost int) {
	_ = v.conn.Close()
	v.got = v.got[:max(0, len(v.got)-lost)]
}

// read takes the next message. It is false at the end of the connection.
func (v *traveller) read() bool {
	header, err := ws.ReadHeader(v.r)
	if err != nil || header.OpCode == ws.OpClose {
		return false
	}
	payload := make([]byte, header.Length)
	if _, err := io.ReadFull(v.r, payload); err != nil {
		return false
	}
	switch text := string(payload); {
	case strings.HasPrefix(text, "40"):
		var told struct{ SID, PID string }
		if err := json.Unmarshal(payload[2:], &told); err != nil {
			v.t.Error(err)
		}
		v.sid, v.pid = told.SID, told.PID
	case strings.HasPrefix(text, "44"):
		v.refusal = text[2:]
	case strings.HasPrefix(text, "42"):
		var event []any
		if err := json.Unmarshal(payload[2:], &event); err != nil {
			v.t.Error(err)
		}
		v.heard = event
		if offset, ok := event[len(event)-1].(string); ok && event[0] == "news" {
			v.got = append(v.got, offset)
		}
	}
	return true
}

// readTo reads until an event has come.
func (v *traveller) readTo(offset string) {
	v.t.Helper()
	for len(v.got) == 0 || v.got[len(v.got)-1] != offset {
		if !v.read() {
			v.t.Fatalf("the connection has ended before %s", offset)
		}
	}
}

// readNext reads the next event, which must have this name.
func (v *traveller) readNext(name string) {
	v.t.Helper()
	for v.heard = nil; v.heard == nil; {
		if !v.read() {
			v.t.Fatalf("the connection has ended before %s", name)
		}
	}
	if v.heard[0] != name {
		v.t.Fatalf("heard %v, want %s", v.heard, name)
	}
}

// emit sends an event by a node, and returns its offset.
func (n *node) emit(t sio.Target) string {
	n.world.t.Helper()
	d, err := n.hub().Emit(t, &sio.Event{Name: "news", Args: []sio.Arg{{JSON: []byte(`1`)}}})
	if err != nil {
		n.world.t.Fatal(err)
	}
	return d.Entry
}

// settle waits until a node has written down where its clients are.
func (n *node) settle() { n.Saved(n.world.t.Context()) }
