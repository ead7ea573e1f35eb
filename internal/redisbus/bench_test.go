package redisbus

import (
	"fmt"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/seed52a35d2d/realtime-server/internal/testenv"
)

// benchmarkPublish publishes 200 bytes from many goroutines.
func benchmarkPublish(b *testing.B, callers int, publish func(payload []byte) error) {
	b.Helper()
	payload := make([]byte, 200)
	b.ReportAllocs()
	var running sync.WaitGroup
	b.ResetTimer()
	for i := range callers {
		running.Go(func() {
			for range b.N/callers + min(1, max(0, b.N%callers-i)) {
				if err := publish(payload); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	running.Wait()
}

// BenchmarkPublish compares our lane with what go-redis has for the same.
func BenchmarkPublish(b *testing.B) {
	server := testenv.StartRedis(b)
	bus, err := New(quick(server.Address()), quiet(), prometheus.NewRegistry())
	if err != nil {
		b.Fatal(err)
	}
	defer bus.Close()
	client := redis.NewClient(&redis.Options{Addr: server.Address(), PoolSize: 16})
	defer client.Close()
	auto, err := client.AutoPipeline()
	if err != nil {
		b.Fatal(err)
	}
	for _, callers := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("lane/callers=%d", callers), func(b *testing.B) {
			benchmarkPublish(b, callers, func(payload []byte) error {
				_, err := bus.Publish(b.Context(), "room", payload)
				return err
			})
		})
		b.Run(fmt.Sprintf("pool/callers=%d", callers), func(b *testing.B) {
			benchmarkPublish(b, callers, func(payload []byte) error {
				return client.Publish(b.Context(), "room", payload).Err()
			})
		})
		b.Run(fmt.Sprintf("autopipeline/callers=%d", callers), func(b *testing.B) {
			benchmarkPublish(b, callers, func(payload []byte) error {
				return auto.Publish(b.Context(), "room", payload).Err()
			})
		})
	}
}

// BenchmarkReceive compares our feed with PubSub of go-redis: what a message
// costs that somebody else has published.
func BenchmarkReceive(b *testing.B) {
	server := testenv.StartRedis(b)
	bus, err := New(quick(server.Address()), quiet(), prometheus.NewRegistry())
	if err != nil {
		b.Fatal(err)
	}
	defer bus.Close()
	client := redis.NewClient(&redis.Options{Addr: server.Address()})
	defer client.Close()
	send := func(b *testing.B) {
		b.Helper()
		for left := b.N; left > 0; left -= 100 {
			_, err := client.Pipelined(b.Context(), func(p redis.Pipeliner) error {
				for range min(left, 100) {
					p.Publish(b.Context(), "realtime:room", make([]byte, 200))
				}
				return nil
			})
			if err != nil {
				b.Error(err)
			}
		}
	}
	b.Run("sending only", func(b *testing.B) {
		b.ReportAllocs()
		send(b)
	})
	b.Run("feed", func(b *testing.B) {
		b.ReportAllocs()
		heard := make(chan struct{}, 1000)
		if err := bus.Subscribe("room", func(string, []byte) { heard <- struct{}{} }).Wait(b.Context()); err != nil {
			b.Fatal(err)
		}
		defer bus.Unsubscribe("room")
		go send(b)
		for range b.N {
			<-heard
		}
	})
	b.Run("pubsub", func(b *testing.B) {
		b.ReportAllocs()
		sub := client.Subscribe(b.Context(), "realtime:room")
		defer sub.Close()
		if _, err := sub.Receive(b.Context()); err != nil {
			b.Fatal(err)
		}
		go send(b)
		for range b.N {
			if _, err := sub.ReceiveMessage(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
}
