package redisbus

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
)

// Bus publishes and subscribes. It is safe for concurrent use.
type Bus struct {
	cfg     Config
	dialer  dialer
	log     *slog.Logger
	metrics *metrics
	health  *health
	client  redis.UniversalClient
	id      string // names the channels of the probes

	// paths are one, or one for each bucket. They do not change.
	paths []*path

	mu      sync.Mutex
	foreign *Foreign // in a Cluster, once it was asked for
	closed  bool

	running sync.WaitGroup
	start   func(func(context.Context)) // runs it until the bus ends
	stop    context.CancelFunc
}

// New returns a bus, and begins to look for Redis. It does not wait: Redis may
// be absent. The caller closes the bus.
func New(cfg Config, log *slog.Logger, reg prometheus.Registerer) (*Bus, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("redis: %w", err)
	}
	if !cfg.Enabled() {
		return nil, errors.New("redis: no addresses")
	}
	ctx, cancel := context.WithCancel(context.Background())
	b := &Bus{
		cfg: cfg, dialer: dialer{cfg}, log: log, metrics: newMetrics(reg), id: rand.Text(),
		stop: cancel,
	}
	b.start = func(run func(context.Context)) { b.running.Go(func() { run(ctx) }) }
	b.health = newHealth(log, b.metrics)
	redis.SetLogger(goRedisLog{log})
	b.client = newClient(cfg, b.dialer)
	b.paths = b.newPaths()
	for _, p := range b.paths {
		p.begin() // all of them, before one is well
	}
	b.start(b.health.run)
	for _, p := range b.paths {
		b.start(p.run)
	}
	return b, nil
}

// newPaths makes the paths of our own channels.
func (b *Bus) newPaths() []*path {
	cluster, ok := b.client.(*redis.ClusterClient)
	if !ok {
		p := newPath(b.environment(b.resolver(), nil), "", b.cfg.MaxQueue, plain, b.cfg.Prefix+":probe:"+b.id, b.health)
		return []*path{p}
	}
	var all []*path
	for n, tag := range tags {
		owner := ownerOf(cluster, "{"+tag+"}")
		all = append(all, newPath(b.environment(owner, cluster), fmt.Sprintf("bucket %02d ", n), b.cfg.MaxQueue/buckets,
			sharded, b.inBucket(n, "probe:"+b.id), b.health))
	}
	return all
}

// resolver is that of a single server, or of Sentinels.
func (b *Bus) resolver() resolver {
	if b.cfg.MasterName != "" {
		return b.dialer.master
	}
	return always(b.cfg.Addresses[0])
}

// environment is that of a path. cluster is nil if there is none.
func (b *Bus) environment(find resolver, cluster *redis.ClusterClient) environment {
	stale := func(context.Context) {}
	if cluster != nil {
		stale = cluster.ReloadState
	}
	return environment{cfg: b.cfg, dialer: b.dialer, resolve: find, stale: stale, metrics: b.metrics, log: b.log}
}

// wire is the name of a channel in Redis, and the path that it belongs to.
func (b *Bus) wire(channel string) (string, *path) {
	if len(b.paths) == 1 {
		return b.cfg.Prefix + ":" + channel, b.paths[0]
	}
	n := bucketOf(channel)
	return b.inBucket(n, channel), b.paths[n]
}

func (b *Bus) inBucket(n int, channel string) string {
	return b.cfg.Prefix + ":{" + tags[n] + "}:" + channel
}

// Client is for commands, with the same credentials and the same Redis. It
// repeats nothing by itself, because it cannot know what may be done twice. It
// ends with the bus.
func (b *Bus) Client() redis.UniversalClient { return b.client }

// Prefix begins the names of keys, as it begins those of channels.
func (b *Bus) Prefix() string { return b.cfg.Prefix }

// Publish sends a message to all who have subscribed to the channel, and
// returns how many of them Redis knows, on the server that the message went
// to. It ends when ctx does or when the timeout of calls is over, whatever
// Redis does. After an error that is [ErrUnavailable] the message may have
// arrived nevertheless; it is never sent twice.
//
// Messages that one goroutine publishes to one channel arrive in order. The
// payload is copied.
func (b *Bus) Publish(ctx context.Context, channel string, payload []byte) (receivers int, err error) {
	name, p := b.wire(channel)
	return p.send(ctx, p.publishVerb(), name, payload)
}

// send publishes under a name of Redis.
func (p *path) send(ctx context.Context, verb, name string, payload []byte) (int, error) {
	answer, err := p.lane.do(ctx, "publish", publishCommand(verb, name, payload))
	if err != nil {
		if why, ok := errors.AsType[*Error](err); ok {
			p.env.metrics.failed(why.Cause)
		}
		return 0, err
	}
	p.env.metrics.sent(len(payload))
	return int(answer.num), nil
}

// Health says whether messages go through Redis and come back.
func (b *Bus) Health() Health { return b.health.get() }

// OnChange makes the bus call hook after each change of [Health.State]. When it
// becomes ok, everything is subscribed again, and messages may have been missed
// since it became degraded: then is the time to announce oneself. Hooks are
// called one after another; a slow one is told the last state only.
func (b *Bus) OnChange(hook func(Health)) { b.health.hook(hook) }

// Close ends everything, and returns when no handler and no hook runs any more.
// It must not be called by one of them.
func (b *Bus) Close() error {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.stop()
	b.running.Wait()
	return b.client.Close()
}
