package backend

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
)

const (
	// breakerWindow is how far back calls are counted, at least. It is longer where
	// a call may take longer, or failures by deadline would not be seen.
	breakerWindow = 10 * time.Second
	// breakerMinimum is how many calls must have ended within the window before
	// their failures mean anything. A few calls of one client do not shut a backend
	// for all.
	breakerMinimum = 20
	// breakerProbes is how many calls are let through to see whether a backend is
	// back, and must succeed.
	breakerProbes = 3
)

// What the breaker is told of a call, beside nil: the backend has answered,
// whatever it said.
var (
	errFault   = errors.New("the backend failed")
	errNoProof = errors.New("the call says nothing about the backend")
)

// breaker keeps calls from a backend that does not answer. It is nil where
// there is none.
type breaker struct {
	gate    *gobreaker.TwoStepCircuitBreaker[struct{}]
	pause   time.Duration
	log     *slog.Logger
	metrics *breakerMetrics
	outages atomic.Int64 // how often it has opened

	mu      sync.Mutex // taken under the lock of gate; nothing is taken under it
	changes []change   // that were not logged yet
}

func newBreaker(l Limits, log *slog.Logger, metrics *breakerMetrics) *breaker {
	if l.breakerPercent() == 0 {
		return nil
	}
	b := &breaker{pause: l.BreakerPause, log: log, metrics: metrics}
	window := max(breakerWindow, 2*l.Timeout)
	percent := uint32(l.breakerPercent()) //nolint:gosec // between 1 and 100
	b.gate = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		MaxRequests:  breakerProbes,
		Interval:     window,
		BucketPeriod: window / 10,
		Timeout:      l.BreakerPause,
		ReadyToTrip: func(counts gobreaker.Counts) bool {
			ended := counts.TotalSuccesses + counts.TotalFailures
			return ended >= breakerMinimum && counts.TotalFailures*100 >= percent*ended
		},
		IsExcluded:    func(err error) bool { return errors.Is(err, errNoProof) },
		OnStateChange: b.changed,
	})
	metrics.state.Set(float64(gobreaker.StateClosed))
	return b
}

// open reports whether all calls are refused just now.
func (b *breaker) open(ctx context.Context) bool {
	if b == nil {
		return false
	}
	defer b.tell(ctx)
	return b.gate.State() == gobreaker.StateOpen
}

// allow lets a call through, whose end must be told to the returned function
// with nil, errFault or errNoProof. It is false for a call that must not be
// made.
func (b *breaker) allow(ctx context.Context) (ended func(error), ok bool) {
	if b == nil {
		return func(error) {}, true
	}
	defer b.tell(ctx)
	done, err := b.gate.Allow()
	if err != nil {
		return nil, false
	}
	return func(err error) {
		done(err)
		b.tell(ctx)
	}, true
}

// outage numbers the outages that began so far.
func (b *breaker) outage() int64 {
	if b == nil {
		return 0
	}
	return b.outages.Load()
}

// change is one that the breaker makes. Its names are labels of the metrics.
type change string

const (
	changeOpened   change = "opened"
	changeProbing  change = "probing"  // half-open
	changeReopened change = "reopened" // the backend is not back yet
	changeClosed   change = "closed"
)

// changed is called under the lock of gate.
func (b *breaker) changed(_ string, from, to gobreaker.State) {
	what := map[gobreaker.State]change{
		gobreaker.StateClosed: changeClosed, gobreaker.StateHalfOpen: changeProbing, gobreaker.StateOpen: changeOpened,
	}[to]
	if from == gobreaker.StateHalfOpen && to == gobreaker.StateOpen {
		what = changeReopened
	}
	if what == changeOpened {
		b.outages.Add(1)
	}
	b.metrics.state.Set(float64(to))
	b.metrics.changes(what).Inc()
	b.mu.Lock()
	b.changes = append(b.changes, what)
	b.mu.Unlock()
}

// tell logs that the breaker has opened or closed. An outage is one line at its
// begin and one at its end.
func (b *breaker) tell(ctx context.Context) {
	b.mu.Lock()
	changes := b.changes
	b.changes = nil
	b.mu.Unlock()
	for _, what := range changes {
		switch what {
		case changeOpened:
			b.log.LogAttrs(ctx, slog.LevelWarn, "breaker opened: the backend is tried again after each pause", slog.Duration("pause", b.pause))
		case changeClosed:
			b.log.LogAttrs(ctx, slog.LevelInfo, "breaker closed")
		default: // only counted
		}
	}
}
