package cluster

import (
	"context"
	"log/slog"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	clusterv1 "github.com/seed52a35d2d/realtime-server/gen/realtime/cluster/v1"
	"github.com/seed52a35d2d/realtime-server/internal/redisbus"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// Node does for the connections of this node what other nodes ask for.
type Node interface {
	// Do does a call, in the order in which calls come. It must be quick: what
	// takes longer, it leaves to the function that it returns, which may send
	// several replies. Where nobody wants a reply, what it returns is not used.
	Do(call *clusterv1.Call) (*clusterv1.Reply, Later)
}

// Later is the rest of a call. Its last reply has more set to false.
type Later func(ctx context.Context, send func(*clusterv1.Reply))

// Self is who this node is at the moment.
type Self struct {
	// Tag is what the ids of its connections begin with. After it has changed,
	// Renamed is called.
	Tag string
	// Generation is the same as long as the process lives, and no other process's.
	Generation int64
}

// Params are what a Cluster needs.
type Params struct {
	Bus  *redisbus.Bus
	Self func() Self
	Node Node
	// Interest and Has say which groups have members here.
	Interest *sio.Interest
	Has      func(sio.Group) bool
	// Attached hears what is said about backends that dial out; nil passes it over.
	Attached Attached
	Log      *slog.Logger
	Metrics  prometheus.Registerer
}

// Cluster is this node among the others. It is safe for concurrent use.
type Cluster struct {
	Params // immutable

	metrics   *metrics
	interests interests
	asked     asked     // calls of ours whose replies are waited for
	sent      counters  // messages of ours, by channel
	heard     sequences // messages of others
	replies   *replies  // to others
	renamed   chan struct{}

	stop    context.CancelFunc
	running sync.WaitGroup
}

// New makes one that does not listen yet.
func New(p Params) *Cluster {
	c := &Cluster{Params: p, metrics: newMetrics(p.Metrics), renamed: make(chan struct{}, 1)}
	c.asked.calls = map[uint64]*ask{}
	c.heard.metrics = c.metrics
	c.replies = newReplies(c)
	return c
}

// Start begins to listen, and to do what others ask for. The caller closes the
// cluster before the bus.
func (c *Cluster) Start() {
	var ctx context.Context
	ctx, c.stop = context.WithCancel(context.Background())
	c.running.Go(func() { c.listen(ctx) })
	c.running.Go(func() { c.replies.run(ctx) })
}

// Renamed says that Self has another tag. It does not wait.
func (c *Cluster) Renamed() {
	select {
	case c.renamed <- struct{}{}:
	default:
	}
}

// Close stops listening, and returns when everything that was under way for
// others has ended.
func (c *Cluster) Close() {
	c.stop()
	c.running.Wait()
	c.replies.wait()
}
