package redisbus

import (
	"context"
	"sync"

	"github.com/redis/go-redis/v9"
)

// Subscribers counts, for each of some channels of others, the connections that
// have subscribed to it: in a Redis Cluster on all masters.
func (f *Foreign) Subscribers(ctx context.Context, channels ...string) ([]int, error) {
	counts := make([]int, len(channels))
	cluster, ok := f.bus.client.(*redis.ClusterClient)
	if !ok {
		return counts, add(ctx, f.bus.client, channels, counts)
	}
	var mu sync.Mutex
	return counts, cluster.ForEachMaster(ctx, func(ctx context.Context, master *redis.Client) error {
		some := make([]int, len(channels))
		err := add(ctx, master, channels, some)
		mu.Lock()
		defer mu.Unlock()
		for i, n := range some {
			counts[i] += n
		}
		return err
	})
}

// add adds what one server knows.
func add(ctx context.Context, server redis.Cmdable, channels []string, counts []int) error {
	found, err := server.PubSubNumSub(ctx, channels...).Result()
	if err != nil {
		return failure("count", err, CauseConnection)
	}
	for i, channel := range channels {
		counts[i] += int(found[channel])
	}
	return nil
}

// SSubscribers is Subscribers for sharded channels.
func (f *Foreign) SSubscribers(ctx context.Context, channels ...string) ([]int, error) {
	counts := make([]int, len(channels))
	found, err := f.bus.client.PubSubShardNumSub(ctx, channels...).Result()
	if err != nil {
		return nil, failure("count", err, CauseConnection)
	}
	for i, channel := range channels {
		counts[i] = int(found[channel])
	}
	return counts, nil
}
