package relay

import (
	"context"
	"log"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// marker says that another node has sent a request.
const marker = "Realtime-Relayed"

// Params is what a Relay is made of.
type Params struct {
	Config Config
	// Find finds the living node that a tag belongs to, and says where it is:
	// host:port or a URL such as https://10.0.0.7:3000. It may ask somebody who
	// knows, until ctx ends.
	Find func(ctx context.Context, tag string) (address string, ok bool)
	// Lives says whether a node is known to live. It is asked each second for all
	// that are under way, so it must not wait. While nobody can say who lives, it
	// should say what it said last.
	Lives func(tag string) bool
	// Patience is how long an owner may take to answer a request: the heartbeat
	// of a session, within which it answers a poll. A client may take twice that
	// for the answer, and once that for each piece of what a WebSocket brings.
	Patience time.Duration
	Log      *slog.Logger
	Metrics  prometheus.Registerer
}

// Relay brings requests to other nodes.
type Relay struct {
	// Immutable.
	cfg       Config
	find      func(ctx context.Context, tag string) (address string, ok bool)
	lives     func(tag string) bool
	patience  time.Duration
	linger    time.Duration // of one side of a WebSocket when the other has ended
	log       *slog.Logger
	metrics   *metrics
	transport *http.Transport
	buffers   httputil.BufferPool
	proxyLog  *log.Logger
	trouble   trouble

	stopped  chan struct{}  // ends watch
	watching sync.WaitGroup // for watch
	underWay sync.WaitGroup // for calls

	mu               sync.Mutex // nothing is taken under it
	calls            map[*call]struct{}
	draining, closed bool
}

// lingerTime is enough for a last word over a bad network.
const lingerTime = 5 * time.Second

// New makes a Relay, which must be closed.
func New(p Params) (*Relay, error) {
	transport, err := newTransport(p.Config)
	if err != nil {
		return nil, err
	}
	r := &Relay{
		cfg: p.Config, find: p.Find, lives: p.Lives, patience: p.Patience, linger: lingerTime, log: p.Log, metrics: newMetrics(p.Metrics),
		transport: transport,
		buffers:   newBuffers(),
		proxyLog:  slog.NewLogLogger(p.Log.Handler(), slog.LevelDebug),
		stopped:   make(chan struct{}),
		calls:     map[*call]struct{}{},
	}
	r.watching.Go(r.watch)
	return r, nil
}

// Serve answers a request of a session that the node with this tag has made.
// It reports false, and answers nothing, if there is no such node; then the
// session is as unknown as any.
func (r *Relay) Serve(w http.ResponseWriter, req *http.Request, tag string) bool {
	if _, relayed := req.Header[marker]; relayed {
		r.count(relayedAlready)
		return false
	}
	c, ctx, full := r.begin(req.Context(), tag, req.Header.Get("Upgrade") != "")
	if full != "" {
		r.refuse(w, req, full)
		return true
	}
	defer r.end(c)
	address, ok := r.where(ctx, tag)
	if !ok {
		r.count(unknownOwner)
		return false
	}
	target, err := parseAddress(address)
	if err != nil {
		r.refuse(w, req, unreachable)
		r.complain(tag, address, unreachable, err)
		return true
	}
	(&forwarding{relay: r, call: c, w: w, target: target}).serve(ctx, req)
	return true
}

// where finds a node in the time that it may take to reach one.
func (r *Relay) where(ctx context.Context, tag string) (address string, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.DialTimeout)
	defer cancel()
	return r.find(ctx, tag)
}

func (r *Relay) count(o outcome) { r.metrics.requests[o].Inc() }

// refuse counts a request that cannot be relayed, and answers it.
func (r *Relay) refuse(w http.ResponseWriter, req *http.Request, o outcome) {
	r.count(o)
	r.limitAnswer(w)
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(o.text())))
	h.Set("Cache-Control", "no-store")
	endUpgrade(h, req)
	if o == tooMany {
		h.Set("Retry-After", "1")
	}
	w.WriteHeader(o.status())
	_, _ = w.Write([]byte(o.text())) // the client has gone if this fails
}

// endUpgrade lets a request for another protocol that is refused end with its
// connection: whoever sent it has no use for it.
func endUpgrade(answer http.Header, req *http.Request) {
	if req.Header.Get("Upgrade") != "" {
		answer.Set("Connection", "close")
	}
}

// limitAnswer gives a client the time that the engine would give it.
func (r *Relay) limitAnswer(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(2 * r.patience)) // fails with the connection
}

// Drain ends relayed WebSockets, spread evenly over the window, and lets no more
// begin: no request says of itself that it is their last. It returns when all
// have been told, or ctx ends.
func (r *Relay) Drain(ctx context.Context, window time.Duration) {
	r.mu.Lock()
	r.draining = true
	r.mu.Unlock()
	tunnels := r.those(func(c *call) bool { return c.websocket })
	pace := time.NewTicker(max(window/time.Duration(max(len(tunnels), 1)), time.Microsecond))
	defer pace.Stop()
	for _, c := range tunnels {
		select {
		case <-pace.C:
			c.cancel(outcomeError{closing})
		case <-ctx.Done():
			return
		}
	}
}

// Close ends everything that is under way, and returns when nothing is left.
func (r *Relay) Close() {
	r.mu.Lock()
	first := !r.closed
	r.closed = true
	r.mu.Unlock()
	if first {
		close(r.stopped)
	}
	for _, c := range r.those(all) {
		c.cancel(outcomeError{closing})
	}
	r.underWay.Wait()
	r.watching.Wait()
	r.transport.CloseIdleConnections()
}
