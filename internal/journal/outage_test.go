package journal

import (
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/seed52a35d2d/realtime-server/internal/testenv"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// enter has a new client enter a node, and waits for its ticket.
func (n *node) enter(user string, rooms ...string) *traveller {
	n.world.t.Helper()
	v := newTraveller(n.world.t, user, rooms...)
	v.mustEnter(n)
	n.settle()
	return v
}

func (v *traveller) mustEnter(n *node) {
	v.t.Helper()
	if !v.enter(n) {
		v.t.Fatal("the server has ended the connection")
	}
}

// TestLostForAMoment cuts one node off while another one sends: its clients get
// everything, in order, and can come back at the other.
func TestLostForAMoment(t *testing.T) {
	w := newWorld(t)
	proxy := testenv.StartProxy(t, w.redis.Address())
	a, b := w.start("aaaa", w.redis.Address()), w.start("bbbb", proxy.Address())
	v := b.enter("u", "r")
	var due []string
	for range 5 {
		proxy.Cut()
		for range 20 {
			due = append(due, a.emit(sio.Target{Rooms: []string{"r"}}))
		}
		v.readTo(due[len(due)-1])
	}
	if !slices.Equal(v.got, due) {
		t.Errorf("it has got %v, and was to get %v", v.got, due)
	}
	v.leave(3)
	v.mustEnter(a)
	if v.readTo(due[len(due)-1]); !v.recovered || !slices.Equal(v.got, due) {
		t.Errorf("recovered: %v, with %d events of %d", v.recovered, len(v.got), len(due))
	}
}

// TestNodeIsDead has a node end without a word: its client comes back by the
// ticket that was written while it was there.
func TestNodeIsDead(t *testing.T) {
	w := newWorld(t)
	a, b := w.start("aaaa", w.redis.Address()), w.start("bbbb", w.redis.Address())
	v := a.enter("u", "r")
	first := a.emit(sio.Target{Rooms: []string{"r"}})
	v.readTo(first)
	a.hub().Join(sio.Target{Users: []string{"u"}}, []string{"late"})
	a.settle()
	w.mu.Lock()
	delete(w.nodes, "aaaa") // nobody can ask it any more
	w.mu.Unlock()
	v.leave(0)
	second := b.emit(sio.Target{Rooms: []string{"late"}})
	v.mustEnter(b)
	if v.readTo(second); !v.recovered || !slices.Equal(v.got, []string{first, second}) {
		t.Errorf("recovered: %v, with %v", v.recovered, v.got)
	}
	if matched := len(b.hub().Sockets(sio.Target{Rooms: []string{"r", "late"}, IDs: []string{v.sid}})); matched != 1 {
		t.Errorf("%d sockets are in its rooms", matched)
	}
}

// TestNotRecovered are those who are told so.
func TestNotRecovered(t *testing.T) {
	for name, test := range map[string]func(w *world, a, b *node, v *traveller){
		"another user": func(_ *world, _, _ *node, v *traveller) { v.auth["user"] = "other" },
		"emptied": func(w *world, a, _ *node, v *traveller) {
			if err := a.journal.Client.FlushAll(w.t.Context()).Err(); err != nil {
				w.t.Error(err)
			}
		},
		"no such offset": func(_ *world, _, _ *node, v *traveller) { v.got = append(v.got, "9999999999999-0") },
		"no offset":      func(_ *world, _, _ *node, v *traveller) { v.got = append(v.got, "a text") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			a, b := w.start("aaaa", w.redis.Address()), w.start("bbbb", w.redis.Address())
			v := a.enter("u", "r")
			v.readTo(a.emit(sio.Target{Rooms: []string{"r"}}))
			sid := v.sid
			v.leave(0)
			w.letGo(t.Context(), Holder{Tag: "aaaa"}, v.pid)
			missed := a.emit(sio.Target{Rooms: []string{"r"}})
			test(w, a, b, v)
			if v.mustEnter(b); v.recovered || v.sid == sid {
				t.Error("it was recovered")
			}
			v.readTo(b.emit(sio.Target{IDs: []string{v.sid}}))
			if slices.Contains(v.got, missed) {
				t.Error("it has got what it missed")
			}
		})
	}
}

// TestRefused: who is refused gets nothing, and spoils nothing for the next
// attempt.
func TestRefused(t *testing.T) {
	w := newWorld(t)
	a, b := w.start("aaaa", w.redis.Address()), w.start("bbbb", w.redis.Address())
	v := a.enter("u", "r")
	v.readTo(a.emit(sio.Target{Rooms: []string{"r"}}))
	v.leave(0)
	missed := a.emit(sio.Target{Rooms: []string{"r"}})
	v.auth["refuse"] = true
	if v.mustEnter(b); v.refusal == "" || len(v.got) != 1 {
		t.Errorf("it was let in, with %d events", len(v.got))
	}
	delete(v.auth, "refuse")
	_ = v.conn.Close()
	v.mustEnter(b)
	if v.readTo(missed); !v.recovered || len(v.got) != 2 {
		t.Errorf("recovered: %v, with %d events", v.recovered, len(v.got))
	}
}

// TestTooLate: after its time nobody comes back.
func TestTooLate(t *testing.T) {
	w := newWorld(t)
	w.recover.MaxDisconnection = 50 * time.Millisecond
	a, b := w.start("aaaa", w.redis.Address()), w.start("bbbb", w.redis.Address())
	v := a.enter("u", "r")
	v.leave(0)
	w.letGo(t.Context(), Holder{Tag: "aaaa"}, v.pid)
	for a.journal.Client.Exists(t.Context(), a.journal.ticket(v.pid)).Val() > 0 {
		b.emit(sio.Target{Everyone: true})
	}
	if v.mustEnter(b); v.recovered {
		t.Error("it was recovered")
	}
}

// TestWithoutRedis: events reach the clients of the node, and whoever is away
// meanwhile is told that something is missing.
func TestWithoutRedis(t *testing.T) {
	w := newWorld(t)
	proxy := testenv.StartProxy(t, w.redis.Address())
	a, b := w.start("aaaa", proxy.Address()), w.start("bbbb", w.redis.Address())
	gone, stays := a.enter("u", "r"), a.enter("v", "r")
	first := a.emit(sio.Target{Rooms: []string{"r"}})
	gone.readTo(first)
	gone.leave(0)
	w.letGo(t.Context(), Holder{Tag: "aaaa"}, gone.pid)
	proxy.Refuse(true)
	proxy.Cut()
	for a.journal.following.Load() {
		runtime.Gosched() // the reader notices by itself
	}
	was := b.entries()
	if entry := a.emit(sio.Target{Rooms: []string{"r"}}); entry != "" {
		t.Errorf("it is in the journal, as %s", entry)
	}
	proxy.Refuse(false)
	for b.entries() == was {
		runtime.Gosched() // the node notes the gap by itself
	}
	if gone.mustEnter(b); gone.recovered {
		t.Error("it was recovered over a gap")
	}
	last := b.emit(sio.Target{Rooms: []string{"r"}, Users: []string{"v"}})
	stays.readTo(last)
}

// Where nobody can come back, events are in no journal and bear no offset. Those
// that another server has put there are heard all the same.
func TestNamespaceWithoutRecovery(t *testing.T) {
	w := newWorld(t)
	w.recover.Except = []string{"/"}
	a := w.start("aaaa", w.redis.Address())
	w.recover.Except = nil
	b := w.start("bbbb", w.redis.Address())
	for !a.journal.following.Load() || !b.journal.following.Load() {
		runtime.Gosched() // they reach the present by themselves
	}
	v := newTraveller(t, "u", "r")
	if !v.enter(a) || v.pid != "" {
		t.Fatalf("it has got the pid %q", v.pid)
	}
	v.readNext("welcome")
	was := a.entries()
	if entry := a.emit(sio.Target{Rooms: []string{"r"}}); entry != "" || a.entries() != was {
		t.Errorf("it is in the journal, as %s", entry)
	}
	if v.readNext("news"); len(v.heard) != 2 {
		t.Errorf("heard %v", v.heard)
	}
	if entry := b.emit(sio.Target{Users: []string{"u"}}); entry == "" {
		t.Error("it is not in the journal")
	}
	if v.readNext("news"); len(v.heard) != 2 {
		t.Errorf("heard %v", v.heard)
	}
}

// entries is how many entries there are.
func (n *node) entries() int64 {
	return n.journal.Client.XLen(n.world.t.Context(), n.journal.events()).Val()
}
