package redisbus

import (
	"context"
	"hash/fnv"

	"github.com/redis/go-redis/v9"
)

// Foreign is for channels of other programs: their names are taken as they are,
// without the prefix. It gives the same promises as the bus. In a Redis Cluster
// channels that are not sharded reach every server, and so do patterns.
//
// Sharded channels need Redis 7. In a Redis Cluster they are not for use yet: each
// lives on the server of its slot, and there is one path.
type Foreign struct {
	bus  *Bus
	path *path
}

// Foreign returns the way to channels of other programs. In a Redis Cluster it
// is made when it is first asked for, and is part of [Bus.Health] from then on.
func (b *Bus) Foreign() *Foreign {
	cluster, ok := b.client.(*redis.ClusterClient)
	if !ok {
		return &Foreign{b, b.paths[0]}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.foreign == nil {
		b.foreign = b.newForeign(cluster)
	}
	return b.foreign
}

// newForeign begins a path through any master: which one differs from bus to
// bus. b.mu is held.
func (b *Bus) newForeign(cluster *redis.ClusterClient) *Foreign {
	h := fnv.New32a()
	_, _ = h.Write([]byte(b.id)) // never fails
	owner := ownerOf(cluster, "{"+tags[h.Sum32()%buckets]+"}")
	p := newPath(b.environment(owner, cluster), "foreign ", b.cfg.MaxQueue, plain, b.cfg.Prefix+":probe:"+b.id, b.health)
	if b.closed {
		p.end()
		return &Foreign{b, p}
	}
	b.start(func(ctx context.Context) {
		p.begin() // not above: it logs, which is nothing to do under a lock
		p.run(ctx)
	})
	return &Foreign{b, p}
}

// Publish is [Bus.Publish] for a channel of others.
func (f *Foreign) Publish(ctx context.Context, channel string, payload []byte) (receivers int, err error) {
	return f.path.send(ctx, "PUBLISH", channel, payload)
}

// Subscribe is [Bus.Subscribe] for a channel of others.
func (f *Foreign) Subscribe(channel string, h Handler) *Subscription {
	return f.path.subscribe(plain, channel, channel, h)
}

// Unsubscribe ends Subscribe.
func (f *Foreign) Unsubscribe(channel string) { f.path.feed.forget(plain, channel) }

// PSubscribe declares interest in all channels that match a pattern of Redis. A
// channel that is subscribed to as well is heard by both handlers.
func (f *Foreign) PSubscribe(glob string, h Handler) *Subscription {
	return f.path.subscribe(pattern, glob, glob, h)
}

// PUnsubscribe ends PSubscribe.
func (f *Foreign) PUnsubscribe(glob string) { f.path.feed.forget(pattern, glob) }

// SPublish is [Bus.Publish] for a sharded channel of others.
func (f *Foreign) SPublish(ctx context.Context, channel string, payload []byte) (receivers int, err error) {
	return f.path.send(ctx, "SPUBLISH", channel, payload)
}

// SSubscribe is [Bus.Subscribe] for a sharded channel of others.
func (f *Foreign) SSubscribe(channel string, h Handler) *Subscription {
	return f.path.subscribe(sharded, channel, channel, h)
}

// SUnsubscribe ends SSubscribe.
func (f *Foreign) SUnsubscribe(channel string) { f.path.feed.forget(sharded, channel) }
