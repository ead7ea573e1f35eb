package registry

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
)

// Params is what a registry is made of.
type Params struct {
	// Client reaches Redis. It should have ContextTimeoutEnabled, or its own
	// timeouts decide how long a call may take; Close may wait for one. The
	// registry does not close it.
	Client redis.UniversalClient
	Config Config
	// ID is what the operator calls this node. A process that comes with the ID
	// of another takes its place.
	ID string
	// Version is told to the other nodes, and so is Address: where they reach this
	// node, in words that they and the caller understand.
	Version, Address string
	// Settings are those in which all nodes should be the same, by key. That another
	// node has others is logged.
	Settings map[string]string
	Hooks    Hooks
	Log      *slog.Logger
	Metrics  prometheus.Registerer
}

// Hooks are the questions of the registry. None of them is required. Close and
// Leave wait for those that run.
type Hooks struct {
	// Load says how much there is to do. It is asked at each renewal, and by Self.
	Load func() Load
	// Over tells that a generation of this node is over, and asks whether to begin
	// another, under which all present connections are registered. Until it
	// returns, this node has no generation. Without the hook it is begun unless
	// another process has the node id: two that both insist would throw each
	// other out for ever. It must not wait for Join, Flush or Told, which wait for it.
	Over func(context.Context, Ending) (rejoin bool)
	// Renamed tells that Tag has changed. It must not wait.
	Renamed func()
	// Dead takes connections of a generation of a node that has died, or was
	// replaced, and returns of how many it has told somebody now. The context ends
	// when this node ends, or loses its own generation. After an error the same
	// connections are told again, perhaps to another node.
	Dead func(ctx context.Context, dead Node, connections []Record) (told int, err error)
}

// Ending is how a generation of this node was over.
type Ending struct {
	Generation uint64
	Reason     Reason
}

// signal wakes one goroutine, which looks for itself what there is to do.
type signal chan struct{}

func newSignal() signal { return make(signal, 1) }

func (s signal) give() {
	select {
	case s <- struct{}{}:
	default:
	}
}

// Registry is this node's place in the registry, and its view of the others.
// All methods may be called from several goroutines.
type Registry struct {
	// Immutable.
	store   *store
	cfg     Config
	id      string
	version string
	address string
	// settings are not changed.
	settings map[string]string
	hooks    Hooks
	log      *slog.Logger
	metrics  *metrics
	ledger   *ledger

	view atomic.Pointer[view]
	// finds are the questions of Find.
	finds finds
	// deferring is set while changes are left to a comparison, for the log.
	deferring atomic.Bool

	wakeKeeper, wakeWriter, wakeTeller signal
	// flush ends the writer's linger.
	flush signal
	// draining is closed by Leave and Close: the teller takes no further page.
	draining chan struct{}
	// Closed by the goroutine of the same name.
	keeperDone, writerDone, tellerDone chan struct{}

	mu         sync.Mutex
	membership membership
	// cancel ends the goroutines; nil before Join.
	cancel context.CancelFunc
	closed bool
	// stopTelling ends the hook Dead; nil if it does not run.
	stopTelling context.CancelFunc
	// attempt is the last attempt to renew that has ended.
	attempt attempt
	faults  faults
}

// membership is guarded by Registry.mu.
type membership struct {
	// key has generation 0 while there is none; last is the one before then.
	key  key
	last uint64
	tag  string
	// open means that Redis takes connections of this generation.
	open bool
	// wanted means that the keeper shall join.
	wanted bool
	// started is when this process joined first, in ms of Redis.
	started int64
	// renewed is when the last successful renewal was sent.
	renewed time.Duration
	// joined is closed while there is a generation.
	joined chan struct{}
}

// held says whether the lease holds for certain. It may still hold if this says
// no: while Redis is away nobody can say.
func (m membership) held(lease time.Duration) bool {
	return m.key.generation != 0 && elapsed()-m.renewed < lease
}

// New makes a registry that does nothing until Join, but has a tag.
func New(p Params) (*Registry, error) {
	if err := p.Config.Validate(); err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	if err := checkID(p.ID); err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	l := newLedger(p.Config.MaxPending)
	r := &Registry{
		store:   &store{client: p.Client, cfg: p.Config, instance: rand.Text()},
		cfg:     p.Config,
		id:      p.ID,
		version: p.Version,
		address: p.Address,

		settings: p.Settings,
		hooks:    p.Hooks,
		log:      p.Log,
		metrics:  newMetrics(p.Metrics, l),
		ledger:   l,

		wakeKeeper: newSignal(), wakeWriter: newSignal(), wakeTeller: newSignal(), flush: newSignal(),
		draining:   make(chan struct{}),
		keeperDone: make(chan struct{}), writerDone: make(chan struct{}), tellerDone: make(chan struct{}),
		membership: membership{tag: newTag(), joined: make(chan struct{})},
		attempt:    attempt{next: make(chan struct{})},
	}
	r.view.Store(&view{})
	r.finds.asking = make(chan struct{}, 1)
	return r, nil
}

// Start takes part as soon as Redis lets it, until Leave or Close. It does not
// wait. After a generation that was over and not followed by another, Start
// begins one.
func (r *Registry) Start() error {
	_, err := r.start()
	return err
}

// start returns what is closed once this node has a generation.
func (r *Registry) start() (joined <-chan struct{}, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, ErrClosed
	}
	if r.cancel == nil {
		var life context.Context
		life, r.cancel = context.WithCancel(context.Background())
		go r.keep(life)
		go r.writeBehind(life)
		go r.tellOfDead(life)
	}
	r.membership.wanted = r.membership.key.generation == 0
	r.wakeKeeper.give()
	return r.membership.joined, nil
}

// Join is Start, and waits until this node has a generation or ctx ends. If it
// ends, the registry goes on trying.
func (r *Registry) Join(ctx context.Context) error {
	joined, err := r.start() //nolint:contextcheck // what it begins outlives the call
	if err != nil {
		return err
	}
	select {
	case <-joined:
		return nil
	case <-r.keeperDone:
		return ErrClosed
	case <-ctx.Done():
		return unavailable("join", ctx.Err())
	}
}

// Self is this node. Its generation is 0 while it has none.
func (r *Registry) Self() Node {
	load := r.load()
	m := r.member()
	return Node{
		ID: r.id, Tag: m.tag, Generation: m.key.generation, Version: r.version, Address: r.address, Settings: r.settings,
		Started: time.UnixMilli(m.started), Load: load, Renewed: elapsed() - m.renewed,
	}
}

// Tag begins the ids that this node makes. It is there from the start, and
// changes only if another node had it first.
func (r *Registry) Tag() string { return r.member().tag }

// Generation is the one that this node has or, while it has none, had last; 0
// before the first.
func (r *Registry) Generation() uint64 { return r.member().last }

// Put registers a connection of this node, or changes it. It never blocks. The
// record is kept, to be written again when Redis has lost it: that costs about
// 170 bytes beside what it refers to.
func (r *Registry) Put(record Record) { r.note(r.ledger.put(record)) }

// Remove takes a connection back, unless its id is somebody else's by now: of is
// Record.Of. It never blocks.
func (r *Registry) Remove(id string, of any) { r.note(r.ledger.remove(id, of)) }

func (r *Registry) note(n noted) {
	switch n {
	case noChange:
	case noteSpared:
		r.metrics.spared.Inc()
	case noteTaken:
		r.wakeWriter.give()
	case noteUnmoved:
		r.metrics.deferred.Inc()
		r.wakeWriter.give()
	case noteDeferred:
		r.metrics.deferred.Inc()
		if !r.deferring.Swap(true) {
			r.log.Warn("too many changes of connections wait for redis, all will be compared",
				slog.Int("max_pending", r.cfg.MaxPending))
		}
		r.wakeWriter.give()
	}
}

// Flush waits until everything that was put and removed is written.
func (r *Registry) Flush(ctx context.Context) error {
	settled := r.ledger.wait()
	r.flush.give()
	r.wakeWriter.give()
	select {
	case <-settled:
		return nil
	case <-r.writerDone:
		return ErrClosed
	case <-ctx.Done():
		return unavailable("flush", ctx.Err())
	}
}

// Leave ends the generation and removes its connections, so that nobody tells of
// them: the caller has done that. It lets a page that is being told of another
// node end, as long as ctx allows. If Redis is away, the others tell of what it
// still has when the lease ends. After an error the caller calls Close.
func (r *Registry) Leave(ctx context.Context) error {
	if !r.stop() {
		return r.Close()
	}
	if err := r.await(ctx, r.tellerDone); err != nil {
		r.cancelAll()
		return err
	}
	if r.ledger.hasMoves() {
		_ = r.Flush(ctx) // what fails here, may be told twice
	}
	r.cancelAll()
	for _, done := range []chan struct{}{r.keeperDone, r.writerDone} {
		if err := r.await(ctx, done); err != nil {
			return err
		}
	}
	m := r.member()
	if m.key.generation == 0 {
		return nil
	}
	over, err := r.store.leave(ctx, m.key, m.tag)
	if err != nil {
		return err
	}
	r.leaveGeneration(m.key)
	if over != 0 {
		return fmt.Errorf("registry: leave: %w: %v", ErrOver, over)
	}
	return r.store.drop(ctx, m.key)
}

// Close ends the registry at once, without leaving: the lease ends by itself.
// It waits for the goroutines and the hooks.
func (r *Registry) Close() error {
	r.mu.Lock()
	running := r.cancel != nil
	r.mu.Unlock()
	r.stop()
	r.cancelAll()
	if running {
		<-r.keeperDone
		<-r.writerDone
		<-r.tellerDone
	}
	return nil
}

// stop begins the end. It says whether anything runs and nobody else has begun.
func (r *Registry) stop() (first bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	r.closed = true
	close(r.draining)
	return r.cancel != nil
}

func (r *Registry) cancelAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cancel != nil {
		r.cancel()
	}
}

func (r *Registry) await(ctx context.Context, done <-chan struct{}) error {
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return unavailable("leave", ctx.Err())
	}
}

func (r *Registry) member() membership {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.membership
}

func (r *Registry) load() Load {
	if r.hooks.Load == nil {
		return Load{}
	}
	return r.hooks.Load()
}
