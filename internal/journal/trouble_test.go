package journal

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/seed52a35d2d/realtime-server/internal/testenv"
	"github.com/seed52a35d2d/realtime-server/internal/testlog"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// deaf hears of entries and does nothing with them.
type deaf struct{}

func (deaf) Begin(string, time.Time) {}
func (deaf) Hear(sio.Entry)          {}
func (deaf) Present()                {}

// What never worked, or does not any more, is logged once with what Redis said, and
// once when it works again; never with what it was about.
func TestTroubleIsLoggedOnce(t *testing.T) {
	server := testenv.StartRedis(t)
	rules := func(rules ...any) { server.Do(append([]any{"ACL", "SETUSER", "some"}, rules...)...) }
	rules("on", ">secret", "~*", "+@all", "-xread", "-hget")
	client := redis.NewClient(&redis.Options{Addr: server.Address(), Username: "some", Password: "secret", MaxRetries: -1})
	t.Cleanup(func() { client.Close() })
	log, reg := &testlog.Log{}, prometheus.NewRegistry()
	j := New(Params{
		Client: client, Prefix: "test", Holder: Holder{"tag", 1, "n"}, MaxAge: time.Minute, MaxEntries: 100, CallTimeout: time.Second,
		Listener: deaf{}, LetGo: func(context.Context, Holder, string) {}, Log: slog.New(slog.NewTextHandler(log, nil)), Metrics: reg,
	})
	j.Start()
	t.Cleanup(j.Close)
	want := func(what string, ok func() bool) {
		t.Helper()
		limit := time.After(20 * time.Second)
		for tick := time.NewTicker(5 * time.Millisecond); !ok(); {
			select {
			case <-tick.C:
			case <-limit:
				t.Fatalf("%s: not in time; the log is %s", what, strings.Join(log.Lines(), ""))
			}
		}
	}
	// refused is how often Redis has refused a command of the reader.
	refused := func() int {
		entries, _ := server.Do("ACL", "LOG").([]any)
		return len(entries)
	}
	want("the reader has failed", func() bool {
		return len(log.Lines("WARN", "read the journal", "XREAD of test:{recovery}:events", "NOPERM")) == 1
	})
	if why := j.Trouble(); !strings.Contains(why, "XREAD") || !strings.Contains(why, "NOPERM") {
		t.Errorf("trouble %q", why)
	}
	server.Do("ACL", "LOG", "RESET")
	want("it tries again", func() bool { return refused() > 0 })
	rules("+xread")
	want("it works", func() bool {
		return j.following.Load() && len(log.Lines("INFO", "works again", "read the journal")) == 1
	})
	if n := len(log.Lines("WARN", "read the journal")); n != 1 {
		t.Errorf("the first failure was logged %d times", n)
	}

	rules("-eval", "-evalsha", "+hget")
	for range 3 {
		if _, err := j.Save(t.Context(), []sio.Ticket{{PID: "secret of a client", Data: []byte("payload"), Life: time.Minute}}); err == nil {
			t.Fatal("saves without EVAL")
		}
		if _, err := j.Append(t.Context(), []byte("payload")); err == nil {
			t.Fatal("adds without EVALSHA")
		}
	}
	rules("+eval", "+evalsha")
	if _, err := j.Save(t.Context(), []sio.Ticket{{PID: "secret of a client", Data: []byte("payload"), Life: time.Minute}}); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Append(t.Context(), []byte("payload")); err != nil {
		t.Fatal(err)
	}
	for _, op := range []string{opSave, opAdd} {
		if bad, good := log.Lines("WARN", op, "NOPERM"), log.Lines("INFO", op); len(bad) != 1 || len(good) != 1 {
			t.Errorf("%s: logged %q and %q", op, bad, good)
		}
	}
	if leaks := append(log.Lines("payload"), log.Lines("secret")...); len(leaks) > 0 {
		t.Errorf("the log has %q", leaks)
	}
}
