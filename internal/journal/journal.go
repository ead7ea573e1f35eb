package journal

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/seed52a35d2d/realtime-server/sio"
)

// Params are what a Journal needs.
type Params struct {
	// Client is for commands; it repeats nothing by itself.
	Client redis.UniversalClient
	// Prefix begins the names of keys.
	Prefix string
	// Holder is what this life of this node is called in tickets.
	Holder Holder
	// MaxAge and MaxEntries are how old entries become, and how many there are, about.
	MaxAge     time.Duration
	MaxEntries int
	// CallTimeout is how long Redis may take to answer the reader.
	CallTimeout time.Duration
	// Listener hears of entries.
	Listener Listener
	// LetGo has the node that holds a ticket let go of it, as sio.Server.LetGo says.
	LetGo   func(ctx context.Context, holder Holder, pid string)
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

// Listener is the part of sio.Server that hears of entries.
type Listener interface {
	Begin(at string, now time.Time)
	Hear(e sio.Entry)
	Present()
}

// Journal is a node's way to what all nodes share. It implements sio.Journal.
type Journal struct {
	Params // immutable

	holder    string // as tickets call this node
	troubles  troubles
	metrics   *metrics
	following atomic.Bool            // the reader has reached the present, and Redis is there
	position  atomic.Pointer[string] // the last entry that was read; "" before

	stop    context.CancelFunc
	running sync.WaitGroup
}

var _ sio.Journal = (*Journal)(nil)

// New makes one that does not read yet.
func New(p Params) *Journal {
	j := &Journal{Params: p, holder: p.Holder.String(), metrics: newMetrics(p.Metrics), troubles: troubles{failing: map[string]error{}}}
	j.position.Store(new(string))
	return j
}

// Start begins to read. The caller closes the journal before the client.
func (j *Journal) Start() {
	var ctx context.Context
	ctx, j.stop = context.WithCancel(context.Background())
	j.running.Go(func() { j.run(ctx) })
}

// Close ends the reading, and returns when the listener hears of nothing any
// more.
func (j *Journal) Close() {
	j.stop()
	j.running.Wait()
}

// events is the stream. The hash tag keeps it and last on one server.
func (j *Journal) events() string { return j.Prefix + ":{recovery}:events" }

// last is the id of the last entry.
func (j *Journal) last() string { return j.Prefix + ":{recovery}:last" }

func (j *Journal) ticket(pid string) string { return j.Prefix + ":recovery:ticket:" + pid }
