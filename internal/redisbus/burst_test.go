package redisbus

import (
	"context"
	"flag"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/seed52a35d2d/realtime-server/internal/testenv"
)

var channels = flag.Int("channels", 10_000, "how many channels are restored; 100000 is what a large node has")

// TestManyChannelsAreRestored subscribes to very many channels and kills the
// connection. While they are restored others publish, and must not wait long
// for it; then every single one is heard, once.
func TestManyChannelsAreRestored(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t)
	cfg := quick(server.Address())
	cfg.CallTimeout = patience
	alice, bob := begin(t, cfg), begin(t, cfg)
	alice.want(StateOK)
	bob.want(StateOK)
	counts := make([]atomic.Int32, *channels)
	subs := make([]*Subscription, *channels)
	for i := range counts {
		subs[i] = bob.Subscribe(fmt.Sprint("room", i), func(string, []byte) { counts[i].Add(1) })
	}
	wait := func() {
		for _, s := range subs {
			if err := s.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	wait()
	confirmed := func() float64 { return testutil.ToFloat64(bob.metrics.confirmed) }
	if n := confirmed(); n != float64(*channels+1) {
		t.Errorf("%v confirmed, want %d and the probe", n, *channels)
	}

	stop := alice.timed("other")
	for range 3 {
		before := bob.Health().Losses
		server.Do("CLIENT", "KILL", "TYPE", "pubsub")
		bob.until("the loss is known", func() bool { return bob.Health().Losses > before })
		bob.want(StateOK)
	}
	published, worst := stop()
	t.Logf("%d published meanwhile, the slowest in %v", published, worst)
	wait()
	if n := confirmed(); n != float64(*channels+1) {
		t.Errorf("%v confirmed, want %d and the probe", n, *channels)
	}
	last := bob.listen("last")
	for i := range counts {
		if n, err := alice.Publish(t.Context(), fmt.Sprint("room", i), nil); n != 1 || err != nil {
			t.Fatalf("room %d: %d receivers, %v", i, n, err)
		}
	}
	alice.say("last", "x")
	last.wantNext("x")
	for i := range counts {
		if n := counts[i].Load(); n != 1 {
			t.Errorf("room %d was heard %d times", i, n)
		}
	}
}

// timed publishes without end; stop says how often, and how long the slowest
// took.
func (u *user) timed(channel string) (stop func() (n int, worst time.Duration)) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	n, worst := 0, time.Duration(0)
	running.Go(func() {
		for ; ctx.Err() == nil; n++ {
			begin := time.Now()
			u.Publish(ctx, channel, []byte("x"))
			worst = max(worst, time.Since(begin))
		}
	})
	return func() (int, time.Duration) {
		cancel()
		running.Wait()
		return n, worst
	}
}

// TestOutputBufferIsKilled: a handler stands still, Redis runs out of patience
// and closes the connection. What waited there is lost, which is known, and the
// next connection has everything again.
func TestOutputBufferIsKilled(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t, "--client-output-buffer-limit", "pubsub 1mb 512kb 1")
	alice, bob := begin(t, quick(server.Address())), begin(t, quick(server.Address()))
	alice.want(StateOK)
	bob.want(StateOK)
	var rooms []*ear
	for i := range 300 {
		rooms = append(rooms, bob.listen(fmt.Sprint("room", i)))
	}
	blocked, release := make(chan struct{}), make(chan struct{})
	once := sync.OnceFunc(func() { close(blocked) })
	s := bob.Subscribe("burst", func(string, []byte) {
		once()
		<-release
	})
	if err := s.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	block := make([]byte, 64<<10)
	alice.until("Redis has closed the connection", func() bool { return alice.count("burst", block) == 0 })
	<-blocked
	close(release)
	bob.until("the loss is known", func() bool { return bob.Health().Losses > 0 })
	bob.want(StateOK)
	if n := alice.count("burst", []byte("small")); n != 1 {
		t.Errorf("%d listen to the burst", n)
	}
	for i, room := range rooms {
		alice.say(fmt.Sprint("room", i), "again")
		room.wantNext("again")
		room.wantNothing()
	}
}

// count publishes and returns how many hear it.
func (u *user) count(channel string, payload []byte) int {
	u.t.Helper()
	n, err := u.Publish(u.t.Context(), channel, payload)
	if err != nil {
		u.t.Fatal(err)
	}
	return n
}

// TestSlowHandlerIsLateNotLost: messages that wait for a handler are not given
// up, and health says that they are late.
func TestSlowHandlerIsLateNotLost(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t)
	cfg := quick(server.Address())
	cfg.CallTimeout = 50 * time.Millisecond
	alice, u := begin(t, quick(server.Address())), begin(t, cfg)
	alice.want(StateOK)
	u.want(StateOK)
	release := make(chan struct{})
	heard := make(chan string, 10)
	s := u.Subscribe("room", func(_ string, payload []byte) {
		<-release
		heard <- string(payload)
	})
	if err := s.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	alice.say("room", "1")
	alice.say("room", "2")
	u.want(StateDegraded)
	close(release)
	for _, want := range []string{"1", "2"} {
		if got := <-heard; got != want {
			t.Errorf("heard %q, want %q", got, want)
		}
	}
	u.want(StateOK)
}
