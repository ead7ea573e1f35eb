package redisbus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"github.com/seed52a35d2d/realtime-server/internal/testenv"
	"github.com/seed52a35d2d/realtime-server/internal/testlog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for something that must happen. Nothing
// is concluded from how long it took.
const patience = 30 * time.Second

// user is a bus under test, with ears.
type user struct {
	*Bus
	t       *testing.T
	log     *testlog.Log
	changes chan Health
}

// quick is a configuration for tests: faults are found soon.
func quick(addresses ...string) Config {
	cfg := DefaultConfig()
	cfg.Addresses = addresses
	cfg.ProbeInterval = 50 * time.Millisecond
	cfg.CallTimeout = time.Second
	cfg.DialTimeout = time.Second
	return cfg
}

// begin starts a bus that ends with the test.
func begin(t *testing.T, cfg Config) *user {
	t.Helper()
	u := &user{t: t, log: &testlog.Log{}, changes: make(chan Health, 1000)}
	log := slog.New(slog.NewTextHandler(u.log, nil))
	bus, err := New(cfg, log, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	u.Bus = bus
	bus.OnChange(func(h Health) { u.changes <- h })
	t.Cleanup(func() { bus.Close() })
	return u
}

// want waits for a state.
func (u *user) want(state State) Health {
	u.t.Helper()
	var now Health
	u.until(fmt.Sprintf("health is %s", state), func() bool {
		now = u.Health()
		return now.State == state
	})
	return now
}

// until waits for something that nobody tells us of.
func (u *user) until(what string, done func() bool) {
	u.t.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			u.t.Fatalf("not in time: %s; health %+v", what, u.Health())
		}
	}
}

// ear is what was heard of a channel.
type ear struct {
	t     *testing.T
	heard chan string
	sub   *Subscription
}

func newEar(t *testing.T) *ear {
	t.Helper()
	return &ear{t: t, heard: make(chan string, 100_000)}
}

func (e *ear) hear(_ string, payload []byte) { e.heard <- string(payload) }

// listen subscribes, and waits until that is certain.
func (u *user) listen(channel string) *ear {
	u.t.Helper()
	e := newEar(u.t)
	e.sub = u.Subscribe(channel, e.hear)
	e.wait()
	return e
}

func (e *ear) wait() {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(e.t.Context(), patience)
	defer cancel()
	if err := e.sub.Wait(ctx); err != nil {
		e.t.Fatal(err)
	}
}

// wantNext waits for messages in this order and nothing between them.
func (e *ear) wantNext(want ...string) {
	e.t.Helper()
	for _, w := range want {
		select {
		case got := <-e.heard:
			if got != w {
				e.t.Fatalf("heard %q, want %q", got, w)
			}
		case <-time.After(patience):
			e.t.Fatalf("%q was not heard", w)
		}
	}
}

// wantNothing makes sure that nothing came before a message that is sent now.
func (e *ear) wantNothing() {
	e.t.Helper()
	if n := len(e.heard); n > 0 {
		e.t.Fatalf("heard %q, want nothing", <-e.heard)
	}
}

// say publishes and must succeed.
func (u *user) say(channel, payload string) int {
	u.t.Helper()
	n, err := u.Publish(u.t.Context(), channel, []byte(payload))
	if err != nil {
		u.t.Fatal(err)
	}
	return n
}

// sayUntilTaken publishes until Redis takes it, something else each time: what
// Redis did not confirm may have arrived. It returns what was taken.
func (u *user) sayUntilTaken(channel, payload string) (taken string) {
	u.t.Helper()
	tries := 0
	u.until("publish "+payload, func() bool {
		tries++
		taken = fmt.Sprint(payload, tries)
		_, err := u.Publish(u.t.Context(), channel, []byte(taken))
		return err == nil
	})
	return taken
}

// wantSoon waits for a message; others may come before it, but none twice.
func (e *ear) wantSoon(want string) {
	e.t.Helper()
	heard := map[string]bool{}
	for !heard[want] {
		select {
		case got := <-e.heard:
			if heard[got] {
				e.t.Fatalf("heard %q twice", got)
			}
			heard[got] = true
		case <-time.After(patience):
			e.t.Fatalf("%q was not heard", want)
		}
	}
	e.wantNothing()
}

func (u *user) errors(cause Cause) float64 {
	return testutil.ToFloat64(u.metrics.errors.WithLabelValues(string(cause)))
}

func wantClass(t *testing.T, err, class error, cause Cause) {
	t.Helper()
	var e *Error
	if !errors.Is(err, class) || !errors.As(err, &e) || e.Cause != cause {
		t.Fatalf("got %v, want %v because of %s", err, class, cause)
	}
}

func TestMessagesArriveInOrder(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t)
	alice, bob := begin(t, quick(server.Address())), begin(t, quick(server.Address()))
	bob.want(StateOK)
	room := bob.listen("room")
	other := bob.listen("other")
	if n := alice.say("room", "hello"); n != 1 {
		t.Errorf("%d receivers, want 1", n)
	}
	for i := range 100 {
		alice.say("room", fmt.Sprint(i))
	}
	alice.say("other", "\x00\r\n$5\r\n")
	alice.say("other", "")
	room.wantNext("hello")
	for i := range 100 {
		room.wantNext(fmt.Sprint(i))
	}
	other.wantNext("\x00\r\n$5\r\n", "")

	bob.Unsubscribe("room")
	wantClass(t, room.sub.Wait(t.Context()), ErrClosed, CauseClosed)
	bob.until("Redis forgets the room", func() bool { return alice.say("room", "gone") == 0 })
	other.wantNothing()
	bob.until("only the other room and the probe are subscribed", func() bool {
		return testutil.ToFloat64(bob.metrics.confirmed) == 2
	})
}

func TestPrefixesKeepDeploymentsApart(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t)
	one, two := quick(server.Address()), quick(server.Address())
	one.Prefix, two.Prefix = "a", "a.b"
	alice, bob := begin(t, one), begin(t, two)
	alice.want(StateOK)
	bob.want(StateOK)
	for _, u := range []*user{alice, bob} {
		for _, channel := range []string{"room", "b:room", "b.room", ":room"} {
			e := u.listen(channel)
			if n := u.say(channel, u.Prefix()); n != 1 {
				t.Errorf("%d hear %s of %s", n, channel, u.Prefix())
			}
			defer func() {
				e.wantNext(u.Prefix())
				e.wantNothing()
			}()
		}
	}
}

func TestPatternsAndNamesOfOthers(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t)
	u := begin(t, quick(server.Address()))
	all := newEar(t)
	all.sub = u.Foreign().PSubscribe("socket.io#/#*", func(channel string, payload []byte) {
		all.heard <- channel + " " + string(payload)
	})
	all.wait()
	one := newEar(t)
	one.sub = u.Foreign().Subscribe("socket.io-request#/#", one.hear)
	one.wait()
	if n, err := u.Foreign().Publish(t.Context(), "socket.io#/#room#", []byte("x")); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	server.Do("PUBLISH", "socket.io-request#/#", "y")
	all.wantNext("socket.io#/#room# x")
	one.wantNext("y")
	u.Foreign().PUnsubscribe("socket.io#/#*")
	u.Foreign().Unsubscribe("socket.io-request#/#")
	u.until("all is forgotten", func() bool {
		n, err := u.Foreign().Publish(t.Context(), "socket.io#/#room#", nil)
		return n == 0 && err == nil
	})
}

// quiet is a log that nobody reads.
func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }
