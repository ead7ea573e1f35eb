package load

import (
	"context"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/seed52a35d2d/realtime-server/bench/internal/client"
)

// Connect lets clients connect, so many at a time. It returns those whose
// CONNECT was answered, and the first error of the others.
func Connect(ctx context.Context, address string, clients, concurrency int) ([]*client.Conn, error) {
	conns := make([]*client.Conn, clients)
	err := each(clients, concurrency, func(i int) (err error) {
		conns[i], err = client.Dial(ctx, address)
		return err
	})
	return slices.DeleteFunc(conns, func(c *client.Conn) bool { return c == nil }), err
}

// Visit lets clients connect, so many at a time, and leave as soon as their
// CONNECT is answered. It counts those that were answered, and returns the
// first error of the others.
func Visit(ctx context.Context, address string, clients, concurrency int) (answered int, err error) {
	var count atomic.Int64
	err = each(clients, concurrency, func(int) error {
		c, err := client.Dial(ctx, address)
		if err != nil {
			return err
		}
		count.Add(1)
		return c.Close()
	})
	return int(count.Load()), err
}

// each calls do for every number below total, whatever becomes of the others.
func each(total, concurrency int, do func(i int) error) error {
	var group errgroup.Group
	group.SetLimit(concurrency)
	for i := range total {
		group.Go(func() error { return do(i) })
	}
	return group.Wait()
}
