package journal

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/seed52a35d2d/realtime-server/sio"
)

// stay is a client's time in a room: it is to get what comes behind an entry, up
// to another one.
type stay struct{ room, from, until string }

// witness knows where clients were, by the entries that their nodes had heard,
// and whom events were for.
type witness struct {
	mu      sync.Mutex
	stays   map[string][]stay // by sid
	targets map[string]sio.Target
}

func (w *witness) join(sid, room, at string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	in := slices.ContainsFunc(w.stays[sid], func(st stay) bool { return st.room == room && st.until == "" })
	if !in {
		w.stays[sid] = append(w.stays[sid], stay{room: room, from: at})
	}
}

func (w *witness) leave(sid, room, at string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.stays[sid] {
		if st := &w.stays[sid][i]; st.room == room && st.until == "" {
			st.until = at
		}
	}
}

func (w *witness) sent(entry string, t sio.Target) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.targets[entry] = t
}

// dueTo is what a client is to get, in order.
func (w *witness) dueTo(sid, user string) (due []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for entry, t := range w.targets {
		in := func(rooms, users, ids []string) bool {
			return slices.Contains(ids, sid) || slices.Contains(users, user) || slices.ContainsFunc(rooms, func(room string) bool {
				return slices.ContainsFunc(w.stays[sid], func(st stay) bool {
					return st.room == room && before(st.from, entry) && (st.until == "" || !before(st.until, entry))
				})
			})
		}
		if (t.Everyone || in(t.Rooms, t.Users, t.IDs)) && !in(t.ExceptRooms, t.ExceptUsers, t.ExceptIDs) {
			due = append(due, entry)
		}
	}
	slices.SortFunc(due, func(a, b string) int {
		if before(a, b) {
			return -1
		}
		return 1
	})
	return due
}

// meddler sends, and moves clients between rooms.
type meddler struct {
	nodes   []*node
	witness *witness
	rand    *rand.Rand
}

func (m *meddler) room() string { return fmt.Sprint("r", m.rand.IntN(7)) }

// move makes clients join or leave a room on a node, which hears nothing
// meanwhile.
func (m *meddler) move(n *node, t sio.Target, room string, join bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range n.hub().Sockets(t) {
		switch {
		case !join:
			// Whether a client that has just left was there still, nobody can tell from here.
			s.Leave(room)
			if !slices.Contains(s.Rooms(), room) && n.here(s) {
				m.witness.leave(s.ID(), room, n.at)
			}
		case s.Join(room) == nil:
			m.witness.join(s.ID(), room, n.at)
		}
	}
}

// here reports whether a socket is still on the node.
func (n *node) here(s *sio.Socket) bool {
	found, ok := n.hub().Socket(s.ID())
	return ok && found == s
}

// meddle does one thing.
func (m *meddler) meddle(t *testing.T) {
	t.Helper()
	n := m.nodes[m.rand.IntN(len(m.nodes))]
	target := sio.Target{Rooms: []string{m.room(), m.room()}}
	switch m.rand.IntN(9) {
	case 0:
		m.move(n, target, m.room(), true)
	case 1:
		target = sio.Target{Everyone: true, ExceptUsers: []string{"u1"}}
	case 2:
		target.Users, target.ExceptRooms = []string{"u2"}, []string{m.room()}
	case 3:
		target = sio.Target{Everyone: true} // who is in no room waits for something, too
	case 4:
		for _, s := range n.hub().Sockets(target) {
			target = sio.Target{IDs: []string{s.ID()}}
			break
		}
	}
	event := &sio.Event{Name: "news", Args: []sio.Arg{{JSON: []byte(fmt.Sprint(m.rand.Uint32()))}}}
	d, err := n.hub().Emit(target, event)
	if err != nil || d.Entry == "" {
		t.Errorf("an event is in no journal: %v", err)
		return
	}
	m.witness.sent(d.Entry, target)
	if _, err := n.hub().Emit(target, &sio.Event{Name: "glimpse", Volatile: true, Args: []sio.Arg{{JSON: []byte(`"a text"`)}}}); err != nil {
		t.Error(err)
	}
}

// TestNothingLostNothingTwice has clients go from node to node while others
// send to them by all nodes and move them between rooms. Each of them gets exactly
// the events whose targets it was in at their place in the journal, in order.
func TestNothingLostNothingTwice(t *testing.T) {
	const travellers, times = 9, 15
	w, seed := newWorld(t), rand.Uint64()
	t.Logf("seed %d", seed)
	nodes := []*node{w.start("aaaa", w.redis.Address()), w.start("bbbb", w.redis.Address()), w.start("cccc", w.redis.Address())}
	spy := &witness{stays: map[string][]stay{}, targets: map[string]sio.Target{}}
	all := make([]*traveller, travellers)
	for i := range all {
		rooms := []string{fmt.Sprint("r", i%4), fmt.Sprint("r", i%5)}
		all[i] = newTraveller(t, fmt.Sprint("u", i%3), rooms...)
		if !all[i].enter(nodes[i%len(nodes)]) {
			t.Fatal("the server has ended the connection")
		}
		for _, room := range rooms {
			spy.join(all[i].sid, room, "")
		}
	}
	for _, n := range nodes {
		n.settle()
	}
	stop := make(chan struct{})
	var meddling, travelling sync.WaitGroup
	for i := range 3 {
		m := &meddler{nodes: nodes, witness: spy, rand: rand.New(rand.NewPCG(seed, uint64(i)))} //nolint:gosec // a seed
		meddling.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					m.meddle(t)
				}
			}
		})
	}
	for i, v := range all {
		random := rand.New(rand.NewPCG(seed, uint64(100+i))) //nolint:gosec // a seed
		travelling.Go(func() { v.travel(nodes, random, times) })
	}
	travelling.Wait()
	close(stop)
	meddling.Wait()
	last := nodes[0].emit(sio.Target{Everyone: true})
	spy.sent(last, sio.Target{Everyone: true})
	for _, v := range all {
		v.readTo(last)
		user, _ := v.auth["user"].(string)
		if due := spy.dueTo(v.sid, user); !slices.Equal(v.got, due) {
			t.Errorf("%s has got %d events, and was to get %d: %s", v.sid, len(v.got), len(due), difference(v.got, due))
		}
		v.leave(0)
	}
}

// travel goes from node to node.
func (v *traveller) travel(nodes []*node, random *rand.Rand, times int) {
	for range times {
		for range random.IntN(20) {
			if !v.read() {
				v.t.Error("the server has ended the connection")
				return
			}
		}
		v.leave(random.IntN(4))
		sid := v.sid
		if !v.enter(nodes[random.IntN(len(nodes))]) || !v.recovered || v.sid != sid {
			v.t.Errorf("%s was not recovered: %s", sid, v.refusal)
			return
		}
	}
}

// difference says where two lists part.
func difference(got, want []string) string {
	var text strings.Builder
	for _, entry := range want {
		if !slices.Contains(got, entry) {
			fmt.Fprintf(&text, " -%s", entry)
		}
	}
	for _, entry := range got {
		if !slices.Contains(want, entry) {
			fmt.Fprintf(&text, " +%s", entry)
		}
	}
	return text.String()[:min(text.Len(), 500)]
}
