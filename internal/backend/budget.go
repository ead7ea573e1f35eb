package backend

import (
	"sync"
	"time"
)

// The budget of a backend: an attempt in ten calls may be a repeated one, and
// one each second for backends that are seldom called.
const (
	budgetPerCall   = 0.1
	budgetPerSecond = 1
	budgetReserve   = 10
)

// budget bounds how many attempts are made again, so that a backend in trouble
// does not get a multiple of its usual load. It is a bucket of tokens that calls
// and time fill.
type budget struct {
	mu     sync.Mutex // stands alone
	tokens float64
	filled time.Time
}

func newBudget(now time.Time) *budget { return &budget{tokens: budgetReserve, filled: now} }

// called notes a call that reaches the backend.
func (b *budget) called() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tokens = min(b.tokens+budgetPerCall, budgetReserve)
}

// take reports whether one more attempt may be made now.
func (b *budget) take(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tokens = min(b.tokens+budgetPerSecond*now.Sub(b.filled).Seconds(), budgetReserve)
	b.filled = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
