package load

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/seed52a35d2d/realtime-server/bench/internal/client"
)

// Entry is where clients come in, and how.
type Entry struct {
	Address string
	// Concurrency is how many connect at a time.
	Concurrency int
	// Patience is how long a client waits for its CONNECT to be answered,
	// 0 for as long as it lives.
	Patience time.Duration
	// Attempts is how often a client tries; 0 is once.
	Attempts int
}

// Connect lets clients connect. It returns those whose CONNECT was answered in
// the end, how many attempts had no answer, and the errors of clients
// that gave up. Clients live as long as ctx says.
func (e Entry) Connect(ctx context.Context, clients int) (conns []*client.Conn, lost int, err error) {
	conns = make([]*client.Conn, clients)
	var failed atomic.Int64
	err = each(clients, e.Concurrency, func(i int) (err error) {
		conns[i], err = e.dial(ctx, &failed)
		return err
	})
	return slices.DeleteFunc(conns, func(c *client.Conn) bool { return c == nil }), int(failed.Load()), err
}

// Visit lets clients connect, and leave as soon as their CONNECT is answered.
// It counts those that were answered, and returns the first error of the
// others.
func (e Entry) Visit(ctx context.Context, visits int) (answered int, err error) {
	var count, failed atomic.Int64
	err = each(visits, e.Concurrency, func(int) error {
		c, err := e.dial(ctx, &failed)
		if err != nil {
			return err
		}
		count.Add(1)
		return c.Close()
	})
	return int(count.Load()), err
}

func (e Entry) dial(ctx context.Context, failed *atomic.Int64) (*client.Conn, error) {
	var problems []error
	for range max(1, e.Attempts) {
		c, err := e.try(ctx)
		if err == nil {
			return c, nil
		}
		failed.Add(1)
		problems = append(problems, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(problems...)
}

func (e Entry) try(ctx context.Context) (*client.Conn, error) {
	if e.Patience == 0 {
		return client.Dial(ctx, e.Address)
	}
	soon, cancel := context.WithTimeout(ctx, e.Patience)
	defer cancel()
	c, err := client.Dial(soon, e.Address)
	if err != nil {
		return nil, err
	}
	lifetime, _ := ctx.Deadline()
	if err := c.Until(lifetime); err != nil {
		return nil, errors.Join(fmt.Errorf("set deadline: %w", err), c.Close())
	}
	return c, nil
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
