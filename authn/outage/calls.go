package outage

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed52a35d2d/realtime-server/authn"
)

// calls are the questions under way that clients share.
type calls struct {
	ask    func(context.Context, authn.Handshake) (authn.Identity, error)
	joined prometheus.Counter
	wg     sync.WaitGroup // the goroutines that ask

	mu sync.Mutex
	by map[key]*call // those that can be joined
}

// call is one of them. It goes on for as long as somebody waits for it: whoever
// leaves takes nothing from the others.
type call struct {
	cancel  context.CancelFunc
	waiting int // clients; guarded by calls.mu

	done chan struct{} // closed when what follows is set
	// Read-only: every client gets a copy of the identity.
	identity authn.Identity
	err      error
}

// share asks, or joins the question about a client that is alike.
func (c *calls) share(ctx context.Context, k key, h authn.Handshake) (authn.Identity, error) {
	shared := c.join(ctx, k, h)
	defer c.leave(k, shared)
	select {
	case <-shared.done:
		return shared.identity.Clone(), shared.err
	case <-ctx.Done():
		return authn.Identity{}, ctx.Err()
	}
}

func (c *calls) join(ctx context.Context, k key, h authn.Handshake) *call {
	c.mu.Lock()
	defer c.mu.Unlock()
	if shared, ok := c.by[k]; ok {
		shared.waiting++
		c.joined.Inc()
		return shared
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	shared := &call{cancel: cancel, waiting: 1, done: make(chan struct{})}
	if c.by == nil {
		c.by = map[key]*call{}
	}
	c.by[k] = shared
	c.wg.Go(func() {
		shared.identity, shared.err = c.guarded(ctx, h)
		c.mu.Lock()
		c.detach(k, shared)
		c.mu.Unlock()
		close(shared.done)
	})
	return shared
}

// leave is what every client does that has joined. The last one ends the call.
func (c *calls) leave(k key, shared *call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if shared.waiting--; shared.waiting == 0 {
		c.detach(k, shared)
		shared.cancel()
	}
}

// part lets nobody join what is under way.
func (c *calls) part() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.by)
}

// detach lets nobody join a call any more; the lock is held.
func (c *calls) detach(k key, shared *call) {
	if c.by[k] == shared {
		delete(c.by, k)
	}
}

// guarded makes an error of a panic, which nobody above this goroutine would catch.
func (c *calls) guarded(ctx context.Context, h authn.Handshake) (identity authn.Identity, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	return c.ask(ctx, h)
}
