package attach

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	clusterv1 "github.com/seed52a35d2d/realtime-server/gen/realtime/cluster/v1"
)

// Peers carry what nodes say to each other about workers.
type Peers interface {
	// FollowGroup makes this node hear what is said to a group.
	FollowGroup(group string)
	// TellGroup tells all nodes that follow a group.
	TellGroup(ctx context.Context, group string, m *clusterv1.Attached) error
	// TellNode tells one node, by its tag, and says whether anybody has heard it.
	// After an error it may have been heard nevertheless.
	TellNode(ctx context.Context, tag string, m *clusterv1.Attached) (heard bool, err error)
}

// Params are what a Hub needs.
type Params struct {
	// Groups are those that the configuration names.
	Groups []string
	// NodeID is what workers are told that this process is called.
	NodeID string
	// MaxMessage is the largest message of a worker that gRPC takes.
	MaxMessage int
	Log        *slog.Logger
	Metrics    prometheus.Registerer
}

// Hub is where workers attach. It is safe for concurrent use.
type Hub struct {
	Params // immutable, as all up to works

	times   times
	metrics *metrics
	groups  map[string]*group
	peers   Peers // nil if there are no other nodes
	nudged  chan struct{}
	ending  chan struct{} // closed when streams are to end

	works atomic.Uint64 // id of a call at another node

	ctx     context.Context //nolint:containedctx // of what runs until Close
	stop    context.CancelFunc
	streams sync.WaitGroup
	working sync.WaitGroup // on calls of other nodes
	running sync.WaitGroup

	mu      sync.Mutex // stands alone
	foreign map[workID]context.CancelFunc
	closed  bool
}

// New makes one to which nobody can attach yet.
func New(p Params) *Hub {
	h := &Hub{
		Params: p, times: defaultTimes(), groups: map[string]*group{}, nudged: make(chan struct{}, 1),
		ending: make(chan struct{}), foreign: map[workID]context.CancelFunc{},
	}
	h.ctx, h.stop = context.WithCancel(context.Background())
	h.metrics = newMetrics(p.Metrics)
	for _, name := range p.Groups {
		g := &group{hub: h, name: name, log: p.Log.With(slog.String("group", name)), nodes: map[int64]*node{}}
		h.groups[name] = g
	}
	p.Metrics.MustRegister(newGauges(h.groups))
	return h
}

// Conn stands for a connection to the workers of a group, which is one of
// Params.Groups. It takes no response larger than maxReply bytes.
func (h *Hub) Conn(name string, maxReply int) *Conn {
	return &Conn{group: h.groups[name], maxReply: maxReply}
}

// Start begins to work. Without other nodes, peers is nil. The caller closes the
// hub before its peers.
func (h *Hub) Start(peers Peers) {
	h.peers = peers
	h.running.Go(func() { h.beat(h.ctx) })
	if peers == nil {
		return
	}
	for name := range h.groups {
		peers.FollowGroup(name)
	}
	h.running.Go(func() { h.announce(h.ctx) })
}

// enter counts a stream, unless the hub ends.
func (h *Hub) enter() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	h.streams.Add(1)
	return true
}

// Leave sends workers elsewhere, and takes no further ones and no calls of other
// nodes. Those that are attached still get what has to be answered here.
func (h *Hub) Leave() {
	for _, g := range h.groups {
		g.leave()
	}
}

func (g *group) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.leaving {
		return
	}
	g.leaving = true
	for _, w := range g.workers {
		w.move = true
		w.signal()
	}
	g.change()
}

// Close ends all streams, each when nobody waits for one of its results any more,
// or ctx ends. It returns when nothing runs any more.
func (h *Hub) Close(ctx context.Context) {
	h.Leave()
	h.mu.Lock()
	first := !h.closed
	h.closed = true
	h.mu.Unlock()
	if first {
		close(h.ending)
	}
	for _, g := range h.groups {
		g.close()
	}
	idle := make(chan struct{})
	h.running.Go(func() {
		h.streams.Wait()
		h.working.Wait()
		close(idle)
	})
	select {
	case <-idle:
	case <-ctx.Done():
		for _, g := range h.groups {
			g.endAll()
		}
	}
	h.stop()
	<-idle
	h.running.Wait()
}

// close ends the streams of workers that nobody waits for.
func (g *group) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	for _, w := range g.workers {
		w.leaving = true
		w.endIfDone()
	}
}

func (g *group) endAll() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, w := range g.workers {
		w.end(errDraining)
	}
}
