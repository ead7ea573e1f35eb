package backend

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
)

// busy is a backend that does one thing after the other, so many in a second,
// and knows how many it has had at once.
type busy struct {
	perCall time.Duration
	most    int

	mu   sync.Mutex
	now  int
	free time.Time
}

func (b *busy) answer(ctx context.Context, _ int) error {
	b.mu.Lock()
	b.now++
	b.most = max(b.most, b.now)
	begin := b.free
	if now := time.Now(); begin.Before(now) {
		begin = now
	}
	b.free = begin.Add(b.perCall)
	wait := time.NewTimer(time.Until(b.free))
	b.mu.Unlock()
	defer wait.Stop()
	defer func() {
		b.mu.Lock()
		b.now--
		b.mu.Unlock()
	}()
	select {
	case <-wait.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// 5,000 clients lose their connections at once, while the backend can do 200
// things in a second, and come back as stock clients do.
func TestReconnectStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const clients, perSecond = 5000, 200
		g, _ := guarded(t, func(l *Limits) { l.MaxInFlight = 64 })
		backend := &busy{perCall: time.Second / perSecond}
		b := &backendOf{answer: backend.answer}
		begin := time.Now()
		var lost atomic.Int64
		var telling, coming sync.WaitGroup
		for range clients {
			telling.Go(func() {
				if _, err := ask(t.Context(), g, parting, b); err != nil {
					lost.Add(1)
				}
			})
			coming.Go(func() { comeBack(t, g, b) })
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		late := make(chan time.Duration, 1)
		go func() { late <- chat(ctx, t, g, b) }()
		coming.Wait()
		back := time.Since(begin)
		telling.Wait()
		told := time.Since(begin)
		cancel()

		// There are two calls for each client, in lanes that take turns.
		if bound := 2 * clients / perSecond * time.Second; back > bound+5*time.Second {
			t.Errorf("all are back after %v, the backend allows %v", back, bound)
		}
		if longest := <-late; longest > 2*time.Second {
			t.Errorf("an event of a resident took %v", longest)
		}
		if backend.most > g.limits.MaxInFlight {
			t.Errorf("%d calls at once", backend.most)
		}
		if n := lost.Load(); n > 0 {
			t.Errorf("%d ends were not told", n)
		}
		t.Logf("all are back after %v, all ends are told after %v", back, told)
	})
}

// comeBack knocks until it is let in.
func comeBack(t *testing.T, g *Guard, b *backendOf) {
	t.Helper()
	for {
		_, err := ask(t.Context(), g, newcomer, b)
		if err == nil {
			return
		}
		if code := newError("", err).code(); code != codes.Unknown && code != codes.ResourceExhausted {
			t.Errorf("refused: %v", err)
		}
		time.Sleep(time.Second + rand.N(4*time.Second))
	}
}

// chat is a resident who emits an event every tenth of a second, until ctx ends;
// it returns how long the slowest took.
func chat(ctx context.Context, t *testing.T, g *Guard, b *backendOf) (longest time.Duration) {
	t.Helper()
	for ctx.Err() == nil {
		begin := time.Now()
		if _, err := ask(t.Context(), g, event, b); err != nil {
			t.Errorf("an event of a resident: %v", err)
		}
		longest = max(longest, time.Since(begin))
		time.Sleep(100 * time.Millisecond)
	}
	return longest
}
