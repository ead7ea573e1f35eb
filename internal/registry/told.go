package registry

import (
	"context"
	"time"
)

// attempt is an attempt to join or to renew.
type attempt struct {
	began time.Duration
	// next is closed when the next one has ended.
	next chan struct{}
}

// attempted notes that one has ended, with all that follows from it.
func (r *Registry) attempted(began time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.attempt.next)
	r.attempt = attempt{began, make(chan struct{})}
}

// Surrender gives up the connections that the last generation has left in Redis,
// and returns how many these are. It is for Hooks.Over, unless the reason is
// Forgotten: others tell that these connections have ended, so this node ends
// them. They are not registered again.
func (r *Registry) Surrender() int {
	count := r.ledger.surrender()
	r.metrics.given.Add(float64(count))
	return count
}

// Told says, of a connection of this node that has ended, whether others tell
// that, or have told it: it was surrendered. A process that did not run for a
// lease does not know yet what others have told. So Told waits then, until Redis
// has said whether the generation still holds, or does not answer, or ctx ends.
func (r *Registry) Told(ctx context.Context, id string) bool {
	for next := r.slept(); next != nil && ctx.Err() == nil; next = r.slept() {
		r.wakeKeeper.give()
		select {
		case <-next:
		case <-r.keeperDone:
			return r.ledger.told(id)
		case <-ctx.Done():
		}
	}
	return r.ledger.told(id)
}

// slept returns nil, unless the last attempt to renew was so long ago that the
// lease may have ended without our knowing. Then what it returns is closed when
// the next attempt has ended.
func (r *Registry) slept() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cancel == nil || elapsed()-r.attempt.began < r.cfg.Lease {
		return nil
	}
	return r.attempt.next
}

// Records is how many connections of this node are registered, or have to be.
func (r *Registry) Records() int {
	entries, _ := r.ledger.counts()
	return entries
}
