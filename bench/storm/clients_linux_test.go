package storm

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed52a35d2d/realtime-server/bench/internal/client"
)

// crowd are the clients that lose their connection.
type crowd struct {
	address string
	// token is what the client of a number shows.
	token func(i int) string

	mu       sync.Mutex
	conns    []*client.Conn
	readers  sync.WaitGroup
	attempts atomic.Int64 // since the storm began
	lost     atomic.Int64 // connections that the server has ended
}

func authOf(token string) string { return fmt.Sprintf(`{"token":%q}`, token) }

// connect lets so many clients come in, some at a time.
func (c *crowd) connect(ctx context.Context, clients, concurrency int) error {
	c.conns = make([]*client.Conn, clients)
	next := make(chan int)
	failures := make(chan error, concurrency)
	for range concurrency {
		go func() {
			var failure error
			for i := range next {
				conn, err := client.DialAs(ctx, c.address, authOf(c.token(i)))
				if err != nil {
					failure = errors.Join(failure, err)
					continue
				}
				c.keep(i, conn)
			}
			failures <- failure
		}()
	}
	for i := range clients {
		next <- i
	}
	close(next)
	var failure error
	for range concurrency {
		failure = errors.Join(failure, <-failures)
	}
	return failure
}

// keep holds a connection and answers its pings.
func (c *crowd) keep(i int, conn *client.Conn) {
	c.mu.Lock()
	c.conns[i] = conn
	c.mu.Unlock()
	c.readers.Go(func() {
		for {
			if _, err := conn.Receive(); err != nil {
				break
			}
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.conns[i] == conn {
			c.lost.Add(1)
		}
	})
}

// drop ends all connections from the clients' side.
func (c *crowd) drop() {
	c.mu.Lock()
	conns := c.conns
	c.conns = make([]*client.Conn, len(conns))
	c.mu.Unlock()
	for _, conn := range conns {
		if conn != nil {
			_ = conn.Close() // its reader sees it
		}
	}
	c.readers.Wait()
}

// storm drops all connections at once and waits until all clients are back, or ctx
// ends. It says how long each has taken.
func (c *crowd) storm(ctx context.Context) ([]time.Duration, error) {
	begin := time.Now()
	c.drop()
	took := make([]time.Duration, len(c.conns))
	var all sync.WaitGroup
	var missing atomic.Int64
	for i := range c.conns {
		all.Go(func() {
			if conn := c.comeBack(ctx, i); conn != nil {
				took[i] = time.Since(begin)
				c.keep(i, conn)
				return
			}
			missing.Add(1)
		})
	}
	all.Wait()
	if n := missing.Load(); n > 0 {
		return nil, fmt.Errorf("%d of %d clients have not come back", n, len(c.conns))
	}
	return took, nil
}

// comeBack tries until the client is in; nil if ctx ends before.
func (c *crowd) comeBack(ctx context.Context, i int) *client.Conn {
	for attempt := 0; ; attempt++ {
		if !pause(ctx, backoff(attempt)) {
			return nil
		}
		c.attempts.Add(1)
		conn, err := client.DialAs(ctx, c.address, authOf(c.token(i)))
		_, refused := errors.AsType[*client.RefusedError](err)
		switch {
		case err == nil:
			return conn
		case refused:
			// The stock client gives up; docs/authentication.md says what a page does.
			if !pause(ctx, rand.N(4*time.Second)) {
				return nil
			}
			attempt = -1
		case !errors.Is(err, client.ErrHandshake):
			attempt = -1 // the stock client takes an open session for a success
		}
	}
}

// The options of the stock client, as they are by default.
const (
	reconnectionDelay    = time.Second
	reconnectionDelayMax = 5 * time.Second
	randomizationFactor  = 0.5
)

// backoff is how long the stock client waits before an attempt.
func backoff(attempt int) time.Duration {
	delay := min(reconnectionDelay<<min(attempt, 10), reconnectionDelayMax)
	spread := (2*rand.Float64() - 1) * randomizationFactor
	return min(time.Duration(float64(delay)*(1+spread)), reconnectionDelayMax)
}

// pause is false if ctx ends before it is over.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
