package backend

import (
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/status"
)

// resolveEvery is after what time a name is looked up again although nothing has
// failed: the processes that were added to a backend come into use then. gRPC
// looks only when a connection is lost.
const resolveEvery = 30 * time.Second

// names looks up the addresses of a backend, as gRPC does it, and knows why
// there are none. It is nil for a backend that is not dialled.
type names struct {
	every time.Duration

	mu     sync.Mutex // stands alone
	failed error      // of the last look-up; nil if there are addresses
}

func newNames(every time.Duration) *names { return &names{every: every} }

// builder makes gRPC use n for targets whose names are looked up in DNS. Other
// schemes have their addresses in the target.
func (n *names) builder() resolver.Builder { return &namesBuilder{resolver.Get("dns"), n} }

// explain makes an error that an operator understands of gRPC's "no children to
// pick from".
func (n *names) explain(err error) error {
	if n == nil || status.Code(err) != codes.Unavailable {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.failed == nil {
		return err
	}
	return status.Errorf(codes.Unavailable, "the name of the target has no address: %v", n.failed)
}

func (n *names) note(failed error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.failed = failed
}

type namesBuilder struct {
	resolver.Builder
	names *names
}

// Build implements [resolver.Builder].
func (b *namesBuilder) Build(
	target resolver.Target, conn resolver.ClientConn, options resolver.BuildOptions,
) (resolver.Resolver, error) {
	inner, err := b.Builder.Build(target, &namesConn{ClientConn: conn, names: b.names, target: target}, options)
	if err != nil {
		return nil, fmt.Errorf("target: %w", err)
	}
	r := &namesResolver{Resolver: inner, stop: make(chan struct{})}
	r.done.Go(func() { r.again(b.names.every) })
	return r, nil
}

// namesConn hears what the look-ups have found.
type namesConn struct {
	resolver.ClientConn
	names  *names
	target resolver.Target

	found bool // addresses, with which gRPC goes on if a later look-up fails
}

// UpdateState implements [resolver.ClientConn]. To gRPC a name that nobody knows
// is one with no address, for which it ends all connections that it has: they
// may be fine, so they stay. No error is returned, after which gRPC would look
// again more and more seldom.
func (c *namesConn) UpdateState(state resolver.State) error {
	if len(state.Addresses) == 0 {
		c.ReportError(fmt.Errorf("lookup %s: nobody knows such a host", c.target.Endpoint()))
		return nil
	}
	c.found = true
	c.names.note(nil)
	return c.ClientConn.UpdateState(state)
}

// ReportError implements [resolver.ClientConn].
func (c *namesConn) ReportError(err error) {
	if !c.found {
		c.names.note(err)
	}
	c.ClientConn.ReportError(err)
}

// namesResolver looks again and again.
type namesResolver struct {
	resolver.Resolver
	stop chan struct{}
	done sync.WaitGroup
}

func (r *namesResolver) again(every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			r.ResolveNow(resolver.ResolveNowOptions{})
		case <-r.stop:
			return
		}
	}
}

// Close implements [resolver.Resolver].
func (r *namesResolver) Close() {
	close(r.stop)
	r.done.Wait()
	r.Resolver.Close()
}
