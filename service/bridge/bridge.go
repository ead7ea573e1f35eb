package bridge

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed52a35d2d/realtime-server/internal/redisbus"
	"github.com/seed52a35d2d/realtime-server/sio"
	"github.com/seed52a35d2d/realtime-server/sio/nodewire"
)

// Params are what a Bridge needs.
type Params struct {
	Config  Config // has a dialect
	Foreign *redisbus.Foreign
	Sockets *sio.Server
	// Namespaces are those that are always there.
	Namespaces []string
	// Interest says which groups have got members, or lost them. Nobody else
	// takes from it.
	Interest *sio.Interest
	// Headers are those that Node's servers are told of our sockets.
	Headers []string
	// Describe is what they find as the `data` of a socket of ours, as JSON.
	Describe func(*sio.Socket) []byte
	Log      *slog.Logger
	Metrics  prometheus.Registerer
}

// Bridge is this node among Node's servers. It is safe for concurrent use.
type Bridge struct {
	Params // immutable

	uid      string // is ours to other nodes, and nobody else's
	dialect  dialect
	metrics  *metrics
	troubles troubles
	links    links
	requests requests // of ours that wait for answers
	queue    *queue   // of answers to others

	stop    context.CancelFunc
	running sync.WaitGroup
}

// New makes one that does not listen yet.
func New(p Params) *Bridge {
	b := &Bridge{Params: p, metrics: newMetrics(p.Metrics), uid: nodewire.UID(rand.Text()[:12])}
	b.requests.uid, b.requests.waiting = b.uid, map[uint64]*request{}
	b.links.all = map[string]*link{}
	b.queue = newQueue(b.metrics)
	b.dialect = &classic{b}
	if p.Config.Dialect == shardedDialect {
		b.dialect = &sharded{b, modes[p.Config.SubscriptionMode]}
	}
	return b
}

// Start begins to listen, and to answer. The caller closes the bridge before the
// bus.
func (b *Bridge) Start() {
	var ctx context.Context
	ctx, b.stop = context.WithCancel(context.Background())
	for _, namespace := range b.Namespaces {
		b.hold(namespace)
	}
	b.running.Go(func() { b.listen(ctx) })
	b.running.Go(func() { b.queue.run(ctx) })
}

// Close stops listening, and returns when everything that was under way for
// others has ended.
func (b *Bridge) Close() {
	b.stop()
	b.running.Wait()
	b.leave()
}
