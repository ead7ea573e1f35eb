package redisbus

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	firstDelay = 50 * time.Millisecond
	lastDelay  = 3 * time.Second
)

// backoff is how long to wait before the next attempt: longer each time, up to
// a bound, and never the same for all nodes that lost the same server.
type backoff struct{ next time.Duration }

// reset begins anew after something has worked.
func (b *backoff) reset() { b.next = 0 }

// delay is the time to wait now.
func (b *backoff) delay() time.Duration {
	b.next = min(max(2*b.next, firstDelay), lastDelay)
	return b.next/2 + rand.N(b.next/2) //nolint:gosec // it is no secret
}

// between waits until a connection may be replaced that began at a time and has
// ended. One that was of use for long is replaced at once. Otherwise there is a
// pause: a server that lets us in and throws us out must not keep us busy.
func (b *backoff) between(ctx context.Context, began time.Time, worked bool) {
	if worked && time.Since(began) > lastDelay {
		b.reset()
		return
	}
	b.wait(ctx)
}

// wait waits for it, or until ctx ends.
func (b *backoff) wait(ctx context.Context) {
	timer := time.NewTimer(b.delay())
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
