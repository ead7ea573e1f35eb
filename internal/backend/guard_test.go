package backend

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

// The calls of the tests.
var (
	newcomer = Call{Method: "Authenticate", Lane: Newcomers, Repeatable: true}
	event    = Call{Method: "OnEvent", Lane: Residents}
	parting  = Call{Method: "OnDisconnected", Lane: Partings, Repeatable: true, Patient: true}
)

// guarded returns a guard with edited defaults, and its log.
func guarded(t *testing.T, edit func(*Limits)) (*Guard, *strings.Builder) {
	t.Helper()
	limits := DefaultLimits()
	if edit != nil {
		edit(&limits)
	}
	log := &strings.Builder{}
	return NewGuard("test", limits, slog.New(slog.NewTextHandler(log, nil)), NewMetrics(prometheus.NewRegistry())), log
}

// backendOf is a way to a backend that has one answer for all, and counts.
type backendOf struct {
	answer func(ctx context.Context, n int) error

	mu       sync.Mutex
	attempts int
}

// answering always answers the same; nil is success.
func answering(err error) *backendOf {
	return &backendOf{answer: func(context.Context, int) error { return err }}
}

// silent never answers.
func silent() *backendOf {
	return &backendOf{answer: func(ctx context.Context, _ int) error {
		<-ctx.Done()
		return status.FromContextError(ctx.Err()).Err()
	}}
}

func (b *backendOf) attempt(ctx context.Context, n int) (int, error) {
	b.mu.Lock()
	b.attempts++
	answer := b.answer
	b.mu.Unlock()
	return n, answer(ctx, n)
}

func (b *backendOf) made() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.attempts
}

// become makes the backend answer something else from now on.
func (b *backendOf) become(other *backendOf) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answer = other.answer
}

// ask makes a call whose reply is the number of the attempt that brought it.
func ask(ctx context.Context, g *Guard, c Call, b *backendOf) (int, error) {
	return Do(ctx, g, c, b.attempt)
}

// askMany makes calls at once, and returns when all have ended.
func askMany(ctx context.Context, n int, g *Guard, c Call, b *backendOf) (failed int) {
	errs := make(chan error, n)
	for range n {
		go func() {
			_, err := ask(ctx, g, c, b)
			errs <- err
		}()
	}
	for range n {
		if <-errs != nil {
			failed++
		}
	}
	return failed
}

func wantReason(t *testing.T, err error, code codes.Code, reason Reason) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an *Error", err)
	}
	if e.Code != code || e.Reason != reason {
		t.Errorf("got %v (%q), want %v (%q)", err, e.Reason, code, reason)
	}
}

func unavailable() error { return status.Error(codes.Unavailable, "down") }

func later(code codes.Code, after time.Duration) error {
	s, err := status.New(code, "later").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(after)})
	if err != nil {
		panic(err)
	}
	return s.Err()
}

func TestOnlyWhatTheBackendHasNotDoneIsRepeated(t *testing.T) {
	for _, test := range []struct {
		name string
		call Call
		err  error
		want int // attempts
	}{
		{"unavailable", newcomer, unavailable(), maxAttempts},
		{"exhausted", newcomer, status.Error(codes.ResourceExhausted, "busy"), maxAttempts},
		{"an event", event, unavailable(), 1},
		{"an event that may come twice", Call{Method: "OnEvent", Lane: Residents, Repeatable: true}, unavailable(), maxAttempts},
		{"internal", newcomer, status.Error(codes.Internal, ""), 1},
		{"too late", newcomer, status.Error(codes.DeadlineExceeded, ""), 1},
		{"a plain error", newcomer, errors.New("out of order"), 1},
		{"aborted", newcomer, status.Error(codes.Aborted, ""), 1},
		{"cancelled by the backend", newcomer, status.Error(codes.Canceled, ""), 1},
		{"a reply that is too large", newcomer, status.Error(codes.ResourceExhausted, "grpc: received message larger than max (2 vs. 1)"), 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, _ := guarded(t, nil)
				b := answering(test.err)
				begin := time.Now()
				_, err := ask(t.Context(), g, test.call, b)
				wantReason(t, err, status.Code(test.err), "")
				if n := b.made(); n != test.want {
					t.Errorf("%d attempts, want %d", n, test.want)
				}
				if took := time.Since(begin); (took > 0) != (test.want > 1) || took > g.limits.Timeout {
					t.Errorf("took %v", took)
				}
				if n := testutil.ToFloat64(g.metrics.retries.WithLabelValues("test", test.call.Method)); int(n) != test.want-1 {
					t.Errorf("%v retries were counted", n)
				}
			})
		})
	}
}

func TestRepeatedCallSucceeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, log := guarded(t, nil)
		b := &backendOf{answer: func(_ context.Context, n int) error {
			if n < 3 {
				return unavailable()
			}
			return nil
		}}
		n, err := ask(t.Context(), g, newcomer, b)
		if n != 3 || err != nil {
			t.Errorf("got %d, %v", n, err)
		}
		if log.String() != "" {
			t.Errorf("log %s", log)
		}
	})
}

func TestBackendSaysWhenToRepeat(t *testing.T) {
	for _, test := range []struct {
		name        string
		after       time.Duration
		attempts    int
		least, most time.Duration
	}{
		{"soon", 2 * time.Second, 2, 2 * time.Second, 2500 * time.Millisecond},
		{"after the deadline", time.Minute, 1, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, _ := guarded(t, nil)
				b := &backendOf{answer: func(_ context.Context, n int) error {
					if n == 1 {
						return later(codes.ResourceExhausted, test.after)
					}
					return nil
				}}
				begin := time.Now()
				_, err := ask(t.Context(), g, newcomer, b)
				if (err == nil) != (test.attempts == 2) || b.made() != test.attempts {
					t.Errorf("%v after %d attempts", err, b.made())
				}
				if took := time.Since(begin); took < test.least || took > test.most {
					t.Errorf("took %v", took)
				}
			})
		})
	}
}

// Under a total failure a backend gets hardly more than the calls themselves.
func TestBudgetBoundsTheAttempts(t *testing.T) {
	for name, pause := range map[string]time.Duration{
		"at once": 0, "one after the other": 10 * time.Millisecond, "seldom": 20 * time.Second,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const calls = 1000
				g, _ := guarded(t, func(l *Limits) { l.BreakerPercent, l.MaxQueue = new(0), calls })
				b := answering(unavailable())
				begin := time.Now()
				var asking sync.WaitGroup
				for range calls {
					asking.Go(func() { ask(t.Context(), g, newcomer, b) })
					time.Sleep(pause)
				}
				asking.Wait()
				bound := calls + calls/10 + budgetReserve + int(time.Since(begin).Seconds()) + 1
				if n := b.made(); n > bound || n > maxAttempts*calls {
					t.Errorf("%d attempts in %v, want at most %d", n, time.Since(begin), bound)
				}
				if n := b.made(); n <= calls {
					t.Errorf("%d attempts: nothing was repeated", n)
				}
				refused := testutil.ToFloat64(g.metrics.retriesRefused.WithLabelValues("test", "Authenticate"))
				if (refused > 0) != (pause < time.Second) {
					t.Errorf("%v repetitions refused", refused)
				}
			})
		})
	}
}

func TestClientLeavesBetweenAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := guarded(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(50*time.Millisecond, cancel)
		_, err := ask(ctx, g, newcomer, answering(later(codes.Unavailable, time.Second)))
		wantReason(t, err, codes.Canceled, "")
	})
}

func TestAnswerGoesBeforeTheEndOfItsContext(t *testing.T) {
	g, _ := guarded(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	b := &backendOf{answer: func(context.Context, int) error {
		cancel()
		return status.Error(codes.PermissionDenied, "no")
	}}
	_, err := ask(ctx, g, newcomer, b)
	wantReason(t, err, codes.PermissionDenied, "")
}

// A call about a connection that has ended survives an outage that is longer
// than the deadline of other calls.
func TestPartingsOutliveAnOutage(t *testing.T) {
	for _, test := range []struct {
		name   string
		outage *backendOf
		lost   int
	}{
		{"down", answering(unavailable()), 0},
		// Nobody knows what a backend has done that did not answer in time: each pause
		// costs its probes.
		{"gone silent", silent(), 2 * breakerProbes},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, _ := guarded(t, nil)
				b := &backendOf{answer: test.outage.answer}
				if failed := askMany(t.Context(), 50, g, event, b); failed != 50 {
					t.Fatalf("%d of 50 failed", failed)
				}
				time.AfterFunc(20*time.Second, func() { b.become(answering(nil)) })
				before := b.made()
				if failed := askMany(t.Context(), 500, g, parting, b); failed > test.lost {
					t.Errorf("%d of 500 were lost", failed)
				}
				if n := b.made() - before; n > 500+budgetReserve+int(patience.Seconds())*budgetPerSecond {
					t.Errorf("%d attempts for 500 calls", n)
				}
				if n := g.patient.Load(); n != 0 {
					t.Errorf("%d calls are still under way", n)
				}
			})
		})
	}
}

// What was under way when a backend went is more than the budget can pay for.
func TestPartingsUnderWayOutliveAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := guarded(t, nil)
		b := &backendOf{answer: func(context.Context, int) error {
			time.Sleep(100 * time.Millisecond)
			return unavailable()
		}}
		time.AfterFunc(10*time.Second, func() { b.become(answering(nil)) })
		if failed := askMany(t.Context(), 500, g, parting, b); failed > 0 {
			t.Errorf("%d of 500 were lost", failed)
		}
		if n := b.made(); n > 500+g.limits.MaxInFlight+budgetReserve+int(patience.Seconds())*budgetPerSecond {
			t.Errorf("%d attempts for 500 calls", n)
		}
	})
}

func TestPatienceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := guarded(t, nil)
		askMany(t.Context(), 50, g, event, answering(unavailable()))
		begin := time.Now()
		_, err := ask(t.Context(), g, parting, answering(unavailable()))
		if took := time.Since(begin); took < patience/2 || took > patience {
			t.Errorf("took %v", took)
		}
		var e *Error
		if !errors.As(err, &e) || !e.Temporary() {
			t.Errorf("got %v", err)
		}
	})
}

func TestPatienceEndsWithTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := guarded(t, nil)
		askMany(t.Context(), 50, g, event, answering(unavailable()))
		time.AfterFunc(10*time.Second, g.Hurry)
		begin := time.Now()
		failed := askMany(t.Context(), 100, g, parting, answering(unavailable()))
		if took := time.Since(begin); failed != 100 || took != 10*time.Second {
			t.Errorf("%d of 100 failed within %v", failed, took)
		}
		begin = time.Now()
		_, err := ask(t.Context(), g, parting, answering(unavailable()))
		if took := time.Since(begin); err == nil || took > 0 {
			t.Errorf("after that: %v, after %v", err, took)
		}
		g.Hurry() // again
	})
}

func TestPatientCallsAreBounded(t *testing.T) {
	g, _ := guarded(t, nil)
	g.patient.Store(maxPatient)
	_, err := ask(t.Context(), g, parting, answering(nil))
	wantReason(t, err, codes.ResourceExhausted, ReasonQueueFull)
	if n := g.patient.Load(); n != maxPatient {
		t.Errorf("%d under way", n)
	}
}

// After calls of all kinds, nothing is held.
func TestNothingIsHeldAfterwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := guarded(t, func(l *Limits) { l.MaxInFlight, l.MaxQueue = 2, 2 })
		for _, b := range []*backendOf{answering(nil), answering(unavailable()), silent()} {
			for _, c := range []Call{newcomer, event, parting} {
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				askMany(ctx, 20, g, c, b)
				cancel()
			}
		}
		if g.places.free != 2 {
			t.Errorf("%d places are free, want 2", g.places.free)
		}
		for lane := range lanes {
			if n := g.places.waiting[lane].Len(); n != 0 {
				t.Errorf("%d of the %v wait", n, lane)
			}
			if n := testutil.ToFloat64(g.metrics.waiting.WithLabelValues("test", lane.String())); n != 0 {
				t.Errorf("%v of the %v are shown to wait", n, lane)
			}
		}
		if n := testutil.ToFloat64(g.metrics.inFlight.WithLabelValues("test")); n != 0 {
			t.Errorf("%v are shown in flight", n)
		}
	})
}

func TestPanickingAttemptHoldsNothing(t *testing.T) {
	g, _ := guarded(t, func(l *Limits) { l.MaxInFlight = 1 })
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		ask(t.Context(), g, newcomer, &backendOf{answer: func(context.Context, int) error { panic("as the test wants it") }})
	}()
	if _, err := ask(t.Context(), g, newcomer, answering(nil)); err != nil {
		t.Error(err)
	}
}
