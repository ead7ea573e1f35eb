package relay

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"github.com/seed52a35d2d/realtime-server/internal/testlog"
	"github.com/seed52a35d2d/realtime-server/sio/engineio"
	"github.com/seed52a35d2d/realtime-server/sio/siotest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is what the nodes of a test know of each other: addresses by tag.
type world struct {
	mu        sync.Mutex
	addresses map[string]string
}

func newWorld() *world { return &world{addresses: map[string]string{}} }

func (w *world) set(tag, address string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.addresses[tag] = address
}

func (w *world) forget(tag string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.addresses, tag)
}

func (w *world) find(_ context.Context, tag string) (string, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	address, ok := w.addresses[tag]
	return address, ok
}

func (w *world) lives(tag string) bool {
	_, ok := w.find(context.Background(), tag)
	return ok
}

// node is an Engine.IO server with a relay, behind a door of its own.
type node struct {
	t        *testing.T
	tag, url string
	relay    *Relay
	engine   *engineio.Server
	log      *testlog.Log
	requests atomic.Int64 // that came in at the door

	sessions chan *engineio.Session
	messages chan engineio.Message
	closed   chan engineio.Reason
}

// options of a node; the zero ones are fine.
type options struct {
	config Config
	engine func(*engineio.Config)
	front  func(http.Handler) http.Handler
	start  func(http.Handler) *httptest.Server
}

// patience of the nodes; nothing that works takes that long.
const patience = 20 * time.Second

// start makes a node and lets the others know.
func (w *world) start(t *testing.T, tag string, o options) *node {
	t.Helper()
	n := &node{
		t: t, tag: tag, log: &testlog.Log{},
		sessions: make(chan *engineio.Session, 100), messages: make(chan engineio.Message, 10_000),
		closed: make(chan engineio.Reason, 100),
	}
	if o.config == (Config{}) {
		o.config = DefaultConfig()
	}
	log := slog.New(slog.NewTextHandler(n.log, nil))
	var err error
	n.relay, err = New(Params{
		Config: o.config, Find: w.find, Lives: w.lives, Patience: patience, Log: log, Metrics: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	cfg := engineio.DefaultConfig()
	cfg.EventLoop = siotest.EventLoop()
	cfg.CloseTimeout = 100 * time.Millisecond
	cfg.AllowEIO3 = true
	cfg.Tag = func() string { return tag }
	cfg.Elsewhere = n.relay.Serve
	cfg.Headers = map[string]string{"X-Served": "once"}
	cfg.CORS.Origins = []string{"https://app.example"}
	cfg.CORS.Credentials = true
	if o.engine != nil {
		o.engine(&cfg)
	}
	if n.engine, err = engineio.New(cfg, n, log, prometheus.NewRegistry()); err != nil {
		t.Fatal(err)
	}
	var handler http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.requests.Add(1)
		n.engine.ServeHTTP(w, r)
	})
	if o.front != nil {
		handler = o.front(handler)
	}
	if o.start == nil {
		o.start = httptest.NewServer
	}
	door := o.start(handler)
	n.url = door.URL
	w.set(tag, door.URL)
	t.Cleanup(func() {
		n.relay.Close()
		n.engine.Close(context.Background())
		door.Close()
		if left := n.inFlight("request") + n.inFlight("websocket"); left != 0 {
			t.Errorf("node %s still has %v requests under way", tag, left)
		}
	})
	return n
}

func (n *node) Open(s *engineio.Session, _ *engineio.Handshake) engineio.Receiver {
	n.sessions <- s
	return n
}

func (n *node) Message(m engineio.Message) error {
	n.messages <- m
	return nil
}

func (*node) Opened() {}

func (n *node) Closed(reason engineio.Reason) { n.closed <- reason }

func (n *node) inFlight(kind string) float64 {
	gauge := n.relay.metrics.waiting
	if kind == "websocket" {
		gauge = n.relay.metrics.websockets
	}
	return testutil.ToFloat64(gauge)
}

func (n *node) counted(o outcome) int { return int(testutil.ToFloat64(n.relay.metrics.requests[o])) }

// wantCounted waits until an outcome was counted so often: that happens after
// the client has its answer.
func (n *node) wantCounted(o outcome, times int) {
	n.t.Helper()
	until(n.t, fmt.Sprintf("%d requests of node %s with the outcome %q", times, n.tag, o), func() bool { return n.counted(o) == times })
}

// until waits for something that nobody can be asked to tell.
func until(t *testing.T, what string, check func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !check() {
		if time.Now().After(deadline) {
			t.Fatalf("never came: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// answer is what a client sees.
type answer struct {
	status int
	body   string
	header http.Header
}

func (a answer) String() string { return fmt.Sprint(a.status, " ", a.body) }

// browser makes the requests of a client. Its connections end with the test.
func browser(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// ask sends a request to a node and reads the answer.
func (n *node) ask(ctx context.Context, method, query, body string, header http.Header) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, method, n.url+"/?"+query, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if body == "" {
		request.Body = nil
	}
	maps.Copy(request.Header, header)
	response, err := browser(n.t).Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, string(text), response.Header}, err
}

// must is ask where nothing may fail.
func (n *node) must(method, query, body string, header http.Header) answer {
	n.t.Helper()
	a, err := n.ask(n.t.Context(), method, query, body, header)
	if err != nil {
		n.t.Error(err)
	}
	return a
}

var sidField = regexp.MustCompile(`"sid":"([^"]*)"`)

// open begins a polling session and returns the query of its further requests.
func (n *node) open() (query string, s *engineio.Session) {
	n.t.Helper()
	a := n.must(http.MethodGet, "EIO=4&transport=polling", "", nil)
	sid := sidField.FindStringSubmatch(a.body)
	if a.status != http.StatusOK || sid == nil {
		n.t.Fatalf("no session: %v", a)
	}
	return "EIO=4&transport=polling&sid=" + sid[1], <-n.sessions
}

func send(t *testing.T, s *engineio.Session, text string) {
	t.Helper()
	if err := s.Send(engineio.NewFrame([]byte(text), nil, engineio.Options{})); err != nil {
		t.Error(err)
	}
}

// silentDoor takes connections and requests, and answers none until the end of
// the test. asked tells of each request.
func silentDoor(t *testing.T) (address string, asked <-chan *http.Request) {
	t.Helper()
	requests, over := make(chan *http.Request, 100), make(chan struct{})
	door := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		requests <- r
		select {
		case <-over:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(func() {
		close(over)
		door.Close()
	})
	return door.URL, requests
}

// closedDoor is an address at which nobody listens.
func closedDoor(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	return l.Addr().String()
}
