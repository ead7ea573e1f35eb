package backend

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
)

// Guard stands before one backend: it bounds how many calls run and wait,
// repeats those that may be repeated, and keeps all away from a backend that does
// not answer. It knows nothing of the way that calls take; see [Do]. It is safe
// for concurrent use and owns nothing that has to be closed.
type Guard struct {
	name    string
	limits  Limits
	places  *places
	budget  *budget
	breaker *breaker
	health  *health
	metrics *Metrics
	patient atomic.Int64 // calls under way that are patient

	hurry     chan struct{} // closed when no call rests any more
	hurryOnce sync.Once
}

// NewGuard returns the guard of the backend that metrics and log call name.
// log has whatever else tells the operator which one it is. The limits are
// valid.
func NewGuard(name string, l Limits, log *slog.Logger, metrics *Metrics) *Guard {
	log = log.With(slog.String("backend", name))
	return &Guard{
		name:    name,
		limits:  l,
		places:  newPlaces(l, metrics.lanes(name)),
		budget:  newBudget(time.Now()),
		breaker: newBreaker(l, log, metrics.breaker(name)),
		health:  &health{log: log},
		metrics: metrics,
		hurry:   make(chan struct{}),
	}
}

// Hurry makes calls that wait before they are repeated, or for the breaker, end
// with the error that they have, now and later: the process ends.
func (g *Guard) Hurry() { g.hurryOnce.Do(func() { close(g.hurry) }) }

// Call says what is called, and what may be done about it.
type Call struct {
	// Method is the name of the RPC.
	Method string
	// Lane is where the call waits.
	Lane Lane
	// Repeatable calls are made again after UNAVAILABLE and RESOURCE_EXHAUSTED:
	// it does no harm if the backend has done twice what they ask for.
	Repeatable bool
	// Patient calls are those that nobody else makes again if they are lost. They
	// wait while the breaker is open, and have more time; each attempt has the
	// usual one. They must be Repeatable.
	Patient bool
}

const (
	// patience is how long a patient call goes on.
	patience = 2 * time.Minute
	// maxPatient is how many patient calls are under way at once; each holds what is
	// left of a connection.
	maxPatient = 1 << 14
)

// Do makes a call by as many attempts as the guard and the call allow; attempts
// are numbered from 1 and never overlap. An attempt ends when its context does,
// and its error is a gRPC status. That of Do is always an [*Error].
func Do[Resp any](
	ctx context.Context, g *Guard, c Call, attempt func(ctx context.Context, n int) (Resp, error),
) (Resp, error) {
	ctx, cancel := context.WithTimeout(ctx, g.timeFor(c))
	defer cancel()
	begin := time.Now()
	var resp Resp
	failure := g.do(ctx, c, func(ctx context.Context, n int) error {
		var err error
		resp, err = attempt(ctx, n)
		return err
	})
	g.metrics.observe(g.name, c.Method, failure, time.Since(begin))
	if failure == nil {
		g.health.answered(ctx, time.Now())
		return resp, nil
	}
	if failure.faulty() {
		g.health.failed(ctx, time.Now(), failure)
	}
	return resp, failure
}

func (g *Guard) timeFor(c Call) time.Duration {
	if c.Patient {
		return max(g.limits.Timeout, patience)
	}
	return g.limits.Timeout
}

func (g *Guard) do(ctx context.Context, c Call, attempt func(context.Context, int) error) *Error {
	if c.Patient {
		defer g.patient.Add(-1)
		if g.patient.Add(1) > maxPatient {
			return g.refuse(c, ReasonQueueFull)
		}
	}
	t := &task{guard: g, call: c, attempt: attempt}
	defer t.report(errNoProof) // if it panics, else it has said more
	return t.run(ctx)
}

// refuse is the error of a call that is not made.
func (g *Guard) refuse(c Call, why Reason) *Error {
	e := &Error{Method: c.Method, Reason: why}
	switch why {
	case ReasonQueueFull:
		e.Code, e.Message = codes.ResourceExhausted, "too many calls wait already"
	case ReasonNoPlace:
		e.Code, e.Message = codes.DeadlineExceeded, fmt.Sprintf("none of %d places came free", g.limits.MaxInFlight)
	case ReasonBreakerOpen:
		e.Code, e.Message = codes.Unavailable, "the breaker is open: too many calls have failed lately"
	default:
		e.Code, e.Message = codes.Unavailable, string(why)
	}
	return e
}
