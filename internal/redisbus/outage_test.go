package redisbus

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/seed52a35d2d/realtime-server/internal/testenv"
)

func TestRedisThatIsAbsentAtTheStart(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t)
	server.Kill()
	u := begin(t, quick(server.Address()))
	e := newEar(t)
	e.sub = u.Subscribe("room", e.hear)
	u.until("it was tried", func() bool { return u.errors(CauseConnect) >= 2 })
	_, err := u.Publish(t.Context(), "room", []byte("lost"))
	wantClass(t, err, ErrUnavailable, CauseConnect)
	if h := u.Health(); h.State != StateDegraded || h.Cause != CauseConnect || h.Losses != 0 {
		t.Errorf("health %+v", h)
	}
	server.Start()
	e.wait()
	e.wantSoon(u.sayUntilTaken("room", "here"))
	u.want(StateOK)
	if n := u.log.Count("redis works"); n != 1 {
		t.Errorf("said %d times that Redis works", n)
	}
}

// numbered publishes numbers without end until stop is called, which returns
// those of which Redis has said that it took them.
func (u *user) numbered(channel string) (stop func() map[string]bool) {
	ctx, cancel := context.WithCancel(context.Background())
	taken := map[string]bool{}
	var running sync.WaitGroup
	running.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			name := fmt.Sprint(i)
			if _, err := u.Publish(ctx, channel, []byte(name)); err == nil {
				taken[name] = true
			}
		}
	})
	return func() map[string]bool {
		cancel()
		running.Wait()
		return taken
	}
}

// TestConnectionsThatAreReset cuts all connections three times while messages
// flow. Each loss is known, once; nothing is heard twice, and every room is
// heard in the end.
func TestConnectionsThatAreReset(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t)
	proxy := testenv.StartProxy(t, server.Address())
	cfg := quick(proxy.Address())
	cfg.CallTimeout = patience // a reset is no matter of time
	alice, bob := begin(t, quick(server.Address())), begin(t, cfg)
	alice.want(StateOK)
	bob.want(StateOK)
	var rooms []*ear
	for i := range 200 {
		rooms = append(rooms, bob.listen(fmt.Sprint("room", i)))
	}
	stop := alice.numbered("room0")
	for range 3 {
		before := bob.Health().Losses
		if n := proxy.Cut(); n < 2 {
			t.Errorf("%d connections", n)
		}
		bob.until("the loss is known", func() bool { return bob.Health().Losses > before })
		bob.want(StateOK)
	}
	taken := stop()
	alice.say("room0", "end")
	heard := map[string]int{}
	for last := ""; last != "end"; heard[last]++ {
		last = <-rooms[0].heard
	}
	for name, n := range heard {
		if n > 1 {
			t.Errorf("%s was heard %d times", name, n)
		}
	}
	t.Logf("%d messages taken, %d lost in 3 resets", len(taken), len(taken)+1-len(heard))
	for i, room := range rooms {
		alice.say(fmt.Sprint("room", i), "again")
		room.wantNext("again")
		room.wantNothing()
	}
	lost := testutil.ToFloat64(bob.metrics.reconnects.WithLabelValues("subscribe"))
	if lost != 3 {
		t.Errorf("%v connections were lost, want 3", lost)
	}
	if n := bob.log.Count("redis does not work"); n != 3 {
		t.Errorf("said %d times that Redis does not work, want 3", n)
	}
}

func TestBlackHole(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t)
	proxy := testenv.StartProxy(t, server.Address())
	u := begin(t, quick(proxy.Address()))
	u.want(StateOK)
	e := u.listen("room")
	proxy.BlackHole(true)

	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := u.Publish(short, "room", []byte("a"))
	wantClass(t, err, ErrUnavailable, CauseTimeout)
	if short.Err() == nil {
		t.Error("it ended before the deadline")
	}
	begin := time.Now()
	_, err = u.Publish(t.Context(), "room", []byte("b")) // without a deadline
	if err == nil || time.Since(begin) > patience {
		t.Errorf("%v after %v", err, time.Since(begin))
	}
	u.want(StateDegraded)
	u.until("nobody waits in vain", func() bool {
		_, err := u.Publish(t.Context(), "room", []byte("c"))
		return strings.Contains(err.Error(), "connect") || strings.Contains(err.Error(), string(CauseTimeout))
	})
	begin = time.Now()
	u.Close() // is not stopped by it either
	if time.Since(begin) > patience {
		t.Errorf("closing took %v", time.Since(begin))
	}
	wantClass(t, e.sub.Wait(t.Context()), ErrClosed, CauseClosed)
	_, err = u.Publish(t.Context(), "room", nil)
	wantClass(t, err, ErrClosed, CauseClosed)
}

func TestBlackHoleThatEnds(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t)
	proxy := testenv.StartProxy(t, server.Address())
	u := begin(t, quick(proxy.Address()))
	u.want(StateOK)
	e := u.listen("room")
	proxy.BlackHole(true)
	u.want(StateDegraded)
	proxy.BlackHole(false)
	u.want(StateOK)
	e.wantSoon(u.sayUntilTaken("room", "again"))
}

// TestServerThatHangs is a machine that stands still, and goes on.
func TestServerThatHangs(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t)
	u := begin(t, quick(server.Address()))
	u.want(StateOK)
	e := u.listen("room")
	server.Pause()
	u.want(StateDegraded)
	_, err := u.Publish(t.Context(), "room", []byte("a"))
	if err == nil {
		t.Error("a server that stands still has taken a message")
	}
	server.Resume()
	u.want(StateOK)
	e.wantSoon(u.sayUntilTaken("room", "z"))
}

// TestSlowRedis has 200 ms more for each answer. Many callers share one lane, so
// that nothing piles up.
func TestSlowRedis(t *testing.T) {
	server := testenv.StartRedis(t)
	proxy := testenv.StartProxy(t, server.Address())
	cfg := quick(proxy.Address())
	cfg.CallTimeout, cfg.DialTimeout = patience, patience
	u := begin(t, cfg)
	u.want(StateOK)
	e := u.listen("room")
	proxy.SetDelay(200 * time.Millisecond)
	before := runtime.NumGoroutine()
	var calls sync.WaitGroup
	const callers, each = 200, 3
	for range callers {
		calls.Go(func() {
			for range each {
				u.say("room", "x")
			}
		})
	}
	most := 0
	done := make(chan struct{})
	go func() {
		calls.Wait()
		close(done)
	}()
	for waiting := true; waiting; {
		most = max(most, runtime.NumGoroutine())
		select {
		case <-done:
			waiting = false
		case <-time.After(10 * time.Millisecond):
		}
	}
	if most > before+callers+20 {
		t.Errorf("%d goroutines for %d callers, %d before", most, callers, before)
	}
	for range callers * each {
		e.wantNext("x")
	}
	if h := u.Health(); h.State != StateOK {
		t.Errorf("slow is not broken: %+v", h)
	}
}

func TestQueueIsBounded(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t)
	cfg := quick(server.Address())
	cfg.MaxQueue = 100_000
	cfg.CallTimeout, cfg.ProbeInterval = patience, patience
	u := begin(t, cfg)
	u.want(StateOK)
	server.Pause()
	defer server.Resume()
	ctx, cancel := context.WithCancel(t.Context())
	var calls sync.WaitGroup
	for range 10 {
		calls.Go(func() { u.Publish(ctx, "room", make([]byte, 10_000)) })
	}
	lane := u.paths[0].lane
	held := func() int {
		lane.mu.Lock()
		defer lane.mu.Unlock()
		return lane.bytes
	}
	u.until("ten wait", func() bool { return held() > 100_000 })
	_, err := u.Publish(ctx, "room", nil)
	wantClass(t, err, ErrOverloaded, CauseOverloaded)
	cancel()
	calls.Wait()
	server.Resume()
	u.until("nothing waits", func() bool { return held() == 0 })
	u.say("room", "there is room again")
	e := u.listen("room")
	large := strings.Repeat("x", 2*cfg.MaxQueue)
	u.say("room", large) // an empty queue takes it
	e.wantNext(large)
	_, err = u.Publish(t.Context(), "room", make([]byte, maxBulk+1))
	wantClass(t, err, ErrOverloaded, CauseTooLarge)
	e.wantNothing()
}

// TestServerThatConfirmsNothing: it lets us in, and is silent when it is asked
// to restore what we had. No probe runs on such a connection.
func TestServerThatConfirmsNothing(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", testenv.OwnAddress())
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan string, 100)
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() { silent(c, asked) })
		}
	})
	u := begin(t, quick(l.Addr().String()))
	for range 2 {
		if got := <-asked; !strings.Contains(got, ":probe:") {
			t.Errorf("asked for %q", got)
		}
	}
	u.until("the silence is noticed", func() bool {
		return u.errors(CauseTimeout) > 0 && testutil.ToFloat64(u.metrics.reconnects.WithLabelValues("subscribe")) > 0
	})
	u.Close()
	l.Close()
	conns.Wait()
}

// silent says that it is a master, and then nothing. It tells what it was asked
// to subscribe.
func silent(c net.Conn, asked chan<- string) {
	defer c.Close()
	buffer := make([]byte, 4096)
	for {
		n, err := c.Read(buffer)
		if err != nil {
			return
		}
		switch text := string(buffer[:n]); {
		case strings.Contains(text, "ROLE"):
			c.Write([]byte("*1\r\n$6\r\nmaster\r\n"))
		case strings.Contains(text, "\nsubscribe\r"):
			asked <- text
		}
	}
}

func TestEndedCallsAreNotPublished(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t)
	u := begin(t, quick(server.Address()))
	u.want(StateOK)
	e := u.listen("room")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := u.Publish(ctx, "room", []byte("too late"))
	wantClass(t, err, ErrUnavailable, CauseTimeout)
	u.say("room", "in time")
	e.wantNext("in time")
}

func TestNothingBeginsAfterTheEnd(t *testing.T) {
	t.Parallel()
	c := testenv.StartCluster(t, 3, false)
	u := begin(t, quick(c.Addresses()...))
	u.want(StateOK)
	u.Close()
	e := newEar(t)
	wantClass(t, u.Subscribe("room", e.hear).Wait(t.Context()), ErrClosed, CauseClosed)
	wantClass(t, u.Foreign().Subscribe("room", e.hear).Wait(t.Context()), ErrClosed, CauseClosed)
	_, err := u.Publish(t.Context(), "room", nil)
	wantClass(t, err, ErrClosed, CauseClosed)
	_, err = u.Foreign().Publish(t.Context(), "room", nil)
	wantClass(t, err, ErrClosed, CauseClosed)
	if n := testutil.ToFloat64(u.metrics.wanted); n != 0 {
		t.Errorf("%v subscriptions are wanted", n)
	}
}
