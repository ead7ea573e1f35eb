package backend

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/cenkalti/backoff/v5"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	// maxAttempts bounds the attempts of a call that is not patient.
	maxAttempts = 4
	// The pauses between attempts double, from the first to the longest; each is
	// up to a half longer or shorter.
	firstPause, longestPause, longestPatientPause = 100 * time.Millisecond, time.Second, 5 * time.Second
	// lookAgain is after what time, more or less, a patient call sees whether it may
	// be made now.
	lookAgain = time.Second
)

// task is one call on its way.
type task struct {
	guard   *Guard
	call    Call
	attempt func(ctx context.Context, n int) error

	made   int           // attempts
	paid   bool          // the budget has paid for the next attempt
	last   *Error        // of the last attempt; why there was none, if there was none
	had    time.Duration // the time that the last attempt had
	outage int64         // the last one that had begun before that attempt
	ended  func(error)   // tells the breaker; nil until it has let the call through
}

// run makes attempts until one succeeds or no other may be made.
func (t *task) run(ctx context.Context) *Error {
	pauses := &backoff.ExponentialBackOff{
		InitialInterval: firstPause, RandomizationFactor: 0.5, Multiplier: 2, MaxInterval: longestPause,
	}
	if t.call.Patient {
		pauses.MaxInterval = longestPatientPause
	}
	for again := true; again; {
		failure := t.try(ctx)
		if failure == nil || failure.Reason == "" || t.made == 0 {
			t.last = failure
		}
		var pause time.Duration
		if pause, again = t.next(ctx, failure); again {
			again = t.rest(ctx, cmp.Or(pause, pauses.NextBackOff()))
		}
	}
	t.report(t.verdict(t.last))
	return t.last
}

// rest waits before another attempt. It is false if there is to be none.
func (t *task) rest(ctx context.Context, pause time.Duration) bool {
	if deadline, _ := ctx.Deadline(); time.Until(deadline) <= pause {
		return false
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		t.last = t.left(ctx)
	case <-t.guard.hurry:
	}
	return false
}

// left is the error of a call that nobody waits for any more.
func (t *task) left(ctx context.Context) *Error {
	return newError(t.call.Method, status.FromContextError(ctx.Err()).Err())
}

// try makes one attempt, if it may be made.
func (t *task) try(ctx context.Context) *Error {
	g := t.guard
	if g.breaker.open(ctx) { // before the call waits for a place
		return g.refuse(t.call, ReasonBreakerOpen)
	}
	if t.made > 0 && !t.pay() {
		return g.refuse(t.call, reasonBudget)
	}
	switch err := g.places.take(ctx, t.call.Lane); {
	case errors.Is(err, errQueueFull):
		return g.refuse(t.call, ReasonQueueFull)
	case errors.Is(err, context.Canceled):
		return t.left(ctx)
	case err != nil:
		return g.refuse(t.call, ReasonNoPlace)
	}
	defer g.places.give()
	if !t.allowed(ctx) {
		return g.refuse(t.call, ReasonBreakerOpen)
	}
	failure := t.once(ctx)
	if t.call.Patient {
		t.report(t.verdict(failure))
	}
	return failure
}

// allowed asks the breaker, which counts a call once, by its end. Of a patient
// call, whose end comes late, it counts the attempts.
func (t *task) allowed(ctx context.Context) bool {
	if t.ended != nil {
		return !t.guard.breaker.open(ctx)
	}
	ended, ok := t.guard.breaker.allow(ctx)
	t.ended = ended
	return ok
}

func (t *task) once(ctx context.Context) *Error {
	g := t.guard
	t.made++
	t.paid = false
	t.outage = g.breaker.outage()
	if t.made == 1 {
		g.budget.called()
	} else {
		g.metrics.retries.WithLabelValues(g.name, t.call.Method).Inc()
	}
	defer g.metrics.begin(g.name)()
	ctx, cancel := context.WithTimeout(ctx, g.limits.Timeout)
	defer cancel()
	deadline, _ := ctx.Deadline()
	t.had = time.Until(deadline)
	return newError(t.call.Method, t.attempt(ctx, t.made))
}

// next decides what follows a failure: another attempt or none, and the pause
// before it, 0 for the usual one.
func (t *task) next(ctx context.Context, failure *Error) (pause time.Duration, again bool) {
	switch {
	case failure == nil:
		return 0, false
	case failure.Reason == ReasonBreakerOpen, failure.Reason == reasonBudget:
		return around(lookAgain), t.call.Patient
	case failure.Reason != "", !t.call.Repeatable, !failure.repeatable():
		return 0, false
	case t.made >= maxAttempts && !t.call.Patient:
		return 0, false
	}
	if failure.retryAfter > 0 {
		pause = failure.retryAfter + rand.N(failure.retryAfter/4+1) //nolint:gosec // it is no secret
		if deadline, _ := ctx.Deadline(); time.Until(deadline) <= pause {
			return 0, false
		}
	}
	switch {
	case t.pay():
		return pause, true
	case t.call.Patient:
		return around(lookAgain), true
	}
	t.guard.metrics.retriesRefused.WithLabelValues(t.guard.name, t.call.Method).Inc()
	return 0, false
}

// pay has the budget pay for another attempt, once. An attempt that was lost to
// an outage is free for a call that outlives it: whatever was under way when a
// backend went comes again, after the breaker has found it back.
func (t *task) pay() bool {
	if !t.paid {
		outlived := t.call.Patient && t.guard.breaker.outage() > t.outage
		t.paid = outlived || t.guard.budget.take(time.Now())
	}
	return t.paid
}

// around keeps those who wait for the same from coming all at once.
func around(d time.Duration) time.Duration { return d/2 + rand.N(d) } //nolint:gosec // it is no secret

// report tells the breaker what the call has shown, once.
func (t *task) report(proof error) {
	if t.ended != nil {
		t.ended(proof)
		t.ended = nil
	}
}

// verdict is what a result says about the backend. Faults are what no client can
// bring about alone: a backend that answers is there, even with an error, which
// may be the fault of what one client has sent.
func (t *task) verdict(e *Error) error {
	switch {
	case e == nil:
		return nil
	case e.Reason != "", e.Code == codes.Canceled:
		return errNoProof
	case e.Code == codes.Unavailable:
		return errFault
	case e.Code == codes.DeadlineExceeded && t.had < t.guard.limits.Timeout/2:
		return errNoProof // it had waited for its place for too long
	case e.Code == codes.DeadlineExceeded:
		return errFault
	default:
		return nil
	}
}
