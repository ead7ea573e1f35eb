package revoked

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/redis/go-redis/v9"
)

// Entry is what one node has to tell all others.
type Entry struct {
	Data []byte
	// Until is when nobody needs it any more.
	Until time.Time
}

// Listener is who hears of entries.
type Listener interface {
	// Hear takes what entries say. The same may come again.
	Hear(entries [][]byte)
	// All are the entries that this node knows.
	All() []Entry
}

// Params are what a Store needs.
type Params struct {
	// Client is for commands; it repeats nothing by itself.
	Client redis.UniversalClient
	// Prefix begins the names of keys.
	Prefix string
	// CallTimeout is how long Redis may take to answer.
	CallTimeout time.Duration
	Listener    Listener
	Log         *slog.Logger
	Metrics     prometheus.Registerer
}

// Store is a node's way to what all nodes know. It is safe for concurrent use.
type Store struct {
	Params // immutable

	following prometheus.Gauge
	heard     chan struct{} // closed once everything was heard that was there at the start
	unsure    atomic.Bool   // Redis may lack what this node knows

	stop    context.CancelFunc
	running sync.WaitGroup
}

// New makes one that does not listen yet.
func New(p Params) *Store {
	return &Store{
		Params: p,
		heard:  make(chan struct{}),
		following: promauto.With(p.Metrics).NewGauge(prometheus.GaugeOpts{
			Name: "realtime_revocations_following",
			Help: "1 while this node hears from Redis what other nodes have revoked.",
		}),
	}
}

// Start begins to listen. The caller closes the store before the client.
func (s *Store) Start() {
	var ctx context.Context
	ctx, s.stop = context.WithCancel(context.Background())
	s.running.Go(func() { s.run(ctx) })
}

// Close ends the listening, and returns when the listener hears of nothing any
// more.
func (s *Store) Close() {
	s.stop()
	s.running.Wait()
}

// Heard is closed once the listener has heard of everything that was there when
// the store was started.
func (s *Store) Heard() <-chan struct{} { return s.heard }

// Add tells all nodes. After an error some may not have been told; the store
// tries again by itself, with what the listener knows then.
func (s *Store) Add(ctx context.Context, e Entry) error {
	err := s.write(ctx, []Entry{e})
	if err != nil {
		s.unsure.Store(true)
	}
	return err
}

// writeAtOnce is how many entries are written at a time.
const writeAtOnce = 500

// write writes entries.
func (s *Store) write(ctx context.Context, entries []Entry) error {
	for len(entries) > 0 {
		n := min(len(entries), writeAtOnce)
		args := make([]any, 0, 2*n)
		for _, e := range entries[:n] {
			args = append(args, e.Data, e.Until.UnixMilli())
		}
		ctx, cancel := context.WithTimeout(ctx, s.CallTimeout)
		err := add.Run(ctx, s.Client, []string{s.key("log"), s.key("ends")}, args...).Err()
		cancel()
		if err != nil {
			return err
		}
		entries = entries[n:]
	}
	return nil
}

// key is in one hash slot with the others.
func (s *Store) key(name string) string { return s.Prefix + ":{revocations}:" + name }
