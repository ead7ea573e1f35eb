package backend

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// wantChanges compares what the breaker has done so far with the metrics and
// the log.
func wantChanges(t *testing.T, g *Guard, log *strings.Builder, want map[change]float64) {
	t.Helper()
	for _, c := range []change{changeOpened, changeProbing, changeReopened, changeClosed} {
		if n := testutil.ToFloat64(g.metrics.breakerChanges.WithLabelValues("test", string(c))); n != want[c] {
			t.Errorf("%v times %s, want %v", n, c, want[c])
		}
	}
	for line, c := range map[string]change{"breaker opened": changeOpened, "breaker closed": changeClosed} {
		if n := strings.Count(log.String(), line); n != int(want[c]) {
			t.Errorf("%d lines %q, want %v: %s", n, line, want[c], log)
		}
	}
}

func wantState(t *testing.T, g *Guard, want float64) {
	t.Helper()
	if got := testutil.ToFloat64(g.metrics.breakerState.WithLabelValues("test")); got != want {
		t.Errorf("state %v, want %v", got, want)
	}
}

func TestBreakerOpensOnceAndClosesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, log := guarded(t, nil)
		b := answering(unavailable())
		askMany(t.Context(), breakerMinimum, g, event, b)
		wantState(t, g, 2)
		before := b.made()
		_, err := ask(t.Context(), g, event, b)
		wantReason(t, err, codes.Unavailable, ReasonBreakerOpen)
		if b.made() != before {
			t.Error("the backend was called")
		}

		outage := time.Now() // of a minute, in which a client comes every 100 ms
		for time.Since(outage) < time.Minute {
			ask(t.Context(), g, event, b)
			time.Sleep(100 * time.Millisecond)
		}
		if n := b.made() - before; n < 5 || n > 15 {
			t.Errorf("%d calls in an outage of a minute with pauses of %v", n, g.limits.BreakerPause)
		}
		b.become(answering(nil))
		time.Sleep(g.limits.BreakerPause + time.Second)
		for range breakerProbes {
			if _, err := ask(t.Context(), g, event, b); err != nil {
				t.Error(err)
			}
		}
		wantState(t, g, 0)
		probes := testutil.ToFloat64(g.metrics.breakerChanges.WithLabelValues("test", string(changeProbing)))
		wantChanges(t, g, log, map[change]float64{
			changeOpened: 1, changeProbing: probes, changeReopened: probes - 1, changeClosed: 1,
		})
	})
}

func TestBreakerLetsFewThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := guarded(t, nil)
		askMany(t.Context(), breakerMinimum, g, event, answering(unavailable()))
		time.Sleep(g.limits.BreakerPause + time.Second)
		b := &backendOf{answer: func(context.Context, int) error {
			time.Sleep(time.Second)
			return nil
		}}
		if failed := askMany(t.Context(), 100, g, event, b); failed != 100-breakerProbes {
			t.Errorf("%d of 100 were refused, want all but %d", failed, breakerProbes)
		}
		if failed := askMany(t.Context(), 100, g, event, b); failed != 0 {
			t.Errorf("%d of 100 were refused by a closed breaker", failed)
		}
	})
}

// What a client can bring about alone does not shut the backend for others.
func TestBreakerCountsFaultsOfTheBackendOnly(t *testing.T) {
	left := func(ctx context.Context, _ int) error { return status.FromContextError(context.Canceled).Err() }
	for _, test := range []struct {
		name   string
		answer func(context.Context, int) error
		opens  bool
	}{
		{"unavailable", answering(unavailable()).answer, true},
		{"silent", silent().answer, true},
		{"a deadline of its own", answering(status.Error(codes.DeadlineExceeded, "")).answer, true},
		{"unknown", answering(errors.New("an exception in a handler")).answer, false},
		{"internal", answering(status.Error(codes.Internal, "")).answer, false},
		{"invalid argument", answering(status.Error(codes.InvalidArgument, "")).answer, false},
		{"unauthenticated", answering(status.Error(codes.Unauthenticated, "")).answer, false},
		{"exhausted", answering(status.Error(codes.ResourceExhausted, "")).answer, false},
		{"unimplemented", answering(status.Error(codes.Unimplemented, "")).answer, false},
		{"the client left", left, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, _ := guarded(t, nil)
				askMany(t.Context(), 10*breakerMinimum, g, event, &backendOf{answer: test.answer})
				if opened := g.breaker.open(t.Context()); opened != test.opens {
					t.Errorf("open: %v, want %v", opened, test.opens)
				}
			})
		})
	}
}

func TestFewFailuresMeanNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := guarded(t, nil)
		askMany(t.Context(), breakerMinimum-1, g, event, answering(unavailable()))
		if g.breaker.open(t.Context()) {
			t.Error("opened by too few calls")
		}
		time.Sleep(breakerWindow + 2*time.Second)
		askMany(t.Context(), breakerMinimum-1, g, event, answering(unavailable()))
		if g.breaker.open(t.Context()) {
			t.Error("opened by calls of former times")
		}
	})
}

func TestBreakerOpensAtItsPercentage(t *testing.T) {
	for _, test := range []struct {
		percent, failing int
		opens            bool
	}{{50, 49, false}, {50, 51, true}, {90, 80, false}, {100, 100, true}, {0, 100, false}} {
		synctest.Test(t, func(t *testing.T) {
			g, _ := guarded(t, func(l *Limits) { l.BreakerPercent = new(test.percent) })
			askMany(t.Context(), 100-test.failing, g, event, answering(nil))
			askMany(t.Context(), test.failing, g, event, answering(unavailable()))
			if opened := g.breaker.open(t.Context()); opened != test.opens {
				t.Errorf("%d %% of failures, limit %d: open is %v", test.failing, test.percent, opened)
			}
		})
	}
}

// Only the end of a call counts, not its attempts.
func TestBreakerCountsCallsAfterTheirRepetition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := guarded(t, nil)
		b := &backendOf{answer: func(_ context.Context, n int) error {
			if n == 1 {
				return unavailable()
			}
			return nil
		}}
		for range 2 * breakerMinimum {
			if _, err := ask(t.Context(), g, newcomer, b); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		if g.breaker.open(t.Context()) {
			t.Error("opened though every call succeeded")
		}
	})
}

// Calls whose time was over before they had a place say nothing.
func TestWaitingForAPlaceIsNoFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := guarded(t, func(l *Limits) { l.MaxInFlight = 1 })
		slow := &backendOf{answer: func(context.Context, int) error {
			time.Sleep(2 * time.Second)
			return nil
		}}
		askMany(t.Context(), 100, g, event, slow)
		if g.breaker.open(t.Context()) {
			t.Error("opened")
		}
		if n := testutil.ToFloat64(g.metrics.refused.WithLabelValues("test", "OnEvent", string(ReasonNoPlace))); n < 90 {
			t.Errorf("%v calls found no place", n)
		}
	})
}

// A client that leaves while its call is a probe makes room for another.
func TestProbeOfAClientThatLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := guarded(t, nil)
		askMany(t.Context(), breakerMinimum, g, event, answering(unavailable()))
		time.Sleep(g.limits.BreakerPause + time.Second)
		left, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		time.AfterFunc(time.Second/2, leave)
		askMany(left, breakerProbes, g, event, silent())
		for range breakerProbes {
			if _, err := ask(t.Context(), g, event, answering(nil)); err != nil {
				t.Fatal(err)
			}
		}
		wantState(t, g, 0)
	})
}
