package backend

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// full returns places that are all taken, and a function by which a call waits
// for one in a lane and then says its name.
func full(t *testing.T, maxQueue int) (p *places, wait func(lane Lane, name string), served chan string) {
	t.Helper()
	g, _ := guarded(t, func(l *Limits) { l.MaxInFlight, l.MaxQueue = 1, maxQueue })
	p = g.places
	if err := p.take(t.Context(), Residents); err != nil {
		t.Fatal(err)
	}
	served = make(chan string, 100)
	return p, func(lane Lane, name string) {
		go func() {
			if err := p.take(t.Context(), lane); err != nil {
				name = err.Error()
			}
			served <- name
		}()
		synctest.Wait()
	}, served
}

// serve gives a place so many times, and returns who has got it.
func serve(p *places, served chan string, times int) string {
	var names []string
	for range times {
		p.give()
		names = append(names, <-served)
	}
	return strings.Join(names, " ")
}

func TestLanesHaveTheirTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, wait, served := full(t, 10)
		for _, name := range []string{"n1", "n2", "n3", "n4"} {
			wait(Newcomers, name)
		}
		wait(Residents, "r1")
		wait(Partings, "p1")
		wait(Partings, "p2")
		if got := serve(p, served, 7); got != "n1 r1 p1 n2 p2 n3 n4" {
			t.Errorf("served %s", got)
		}
		p.give()
		if p.free != 1 {
			t.Errorf("%d places are free", p.free)
		}
	})
}

func TestOnlyNewcomersAreShed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, wait, served := full(t, 1)
		wait(Newcomers, "n1")
		if err := p.take(t.Context(), Newcomers); !errors.Is(err, errQueueFull) {
			t.Errorf("the second newcomer: %v", err)
		}
		for _, name := range []string{"1", "2", "3"} {
			wait(Residents, "r"+name)
			wait(Partings, "p"+name)
		}
		got := strings.Fields(serve(p, served, 7))
		if slices.Sort(got); strings.Join(got, " ") != "n1 p1 p2 p3 r1 r2 r3" {
			t.Errorf("served %s", got)
		}
		p.give()
	})
}

func TestWhoLeavesTheQueueIsNotServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, wait, served := full(t, 2)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := p.take(ctx, Newcomers); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("left with %v", err)
		}
		wait(Newcomers, "n1")
		wait(Newcomers, "n2") // there is room for two again
		if got := serve(p, served, 2); got != "n1 n2" {
			t.Errorf("served %s", got)
		}
		p.give()
	})
}

func TestQueueIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := guarded(t, func(l *Limits) { l.MaxInFlight, l.MaxQueue = 1, 3 })
		failed := make(chan int, 1)
		go func() { failed <- askMany(t.Context(), 10, g, newcomer, silent()) }()
		synctest.Wait()
		if n := testutil.ToFloat64(g.metrics.waiting.WithLabelValues("test", "newcomers")); n != 3 {
			t.Errorf("%v newcomers wait, want 3", n)
		}
		if n := testutil.ToFloat64(g.metrics.inFlight.WithLabelValues("test")); n != 1 {
			t.Errorf("%v calls in flight, want 1", n)
		}
		if n := testutil.ToFloat64(g.metrics.refused.WithLabelValues("test", "Authenticate", string(ReasonQueueFull))); n != 6 {
			t.Errorf("%v were shed, want 6", n)
		}
		<-failed
	})
}
