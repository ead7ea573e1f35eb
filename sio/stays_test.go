package sio

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/seed52a35d2d/realtime-server/sio/adapter"
)

// TestReaderAgreesWithTheIndex: who has joined and left rooms gets, later, the
// events whose targets the index has matched with it at their time.
func TestReaderAgreesWithTheIndex(t *testing.T) {
	room := rapid.SampledFrom([]string{"a", "b", "c", "d"})
	rooms := rapid.SliceOfN(room, 0, 3)
	users := rapid.SliceOfN(rapid.SampledFrom([]string{"ada", "bea", ""}), 0, 2)
	ids := rapid.SliceOfN(rapid.SampledFrom([]string{"1", "2"}), 0, 2)
	rapid.Check(t, func(t *rapid.T) {
		index := adapter.NewIndex[bool](10)
		me := &adapter.Member[bool]{ID: "1", User: rapid.SampledFrom([]string{"ada", ""}).Draw(t, "user"), Value: true}
		if err := index.Add(me, nil); err != nil {
			t.Fatal(err)
		}
		var s stays
		type event struct {
			target Target
			at     offset
			gets   bool
		}
		var events []event
		now := offset(0)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 2).Draw(t, "step") {
			case 0:
				names := rooms.Draw(t, "join")
				if err := index.Join(me, names); err != nil {
					t.Fatal(err)
				}
				s.join(names, now)
			case 1:
				names := rooms.Draw(t, "leave")
				index.Leave(me, names)
				s.leave(names, now)
			case 2:
				now++
				target := Target{
					Everyone: rapid.Bool().Draw(t, "everyone"),
					Rooms:    rooms.Draw(t, "rooms"), Users: users.Draw(t, "users"), IDs: ids.Draw(t, "ids"),
					ExceptRooms: rooms.Draw(t, "but rooms"), ExceptUsers: users.Draw(t, "but users"), ExceptIDs: ids.Draw(t, "but ids"),
				}
				events = append(events, event{target, now, len(index.Match(nil, target)) > 0})
			}
		}
		r := newReader(me.ID, me.User, &s)
		for _, e := range events {
			if got := r.gets(&e.target, e.at); got != e.gets {
				t.Fatalf("event %d for %+v: %v, the index said %v; stays %+v", e.at, e.target, got, e.gets, s)
			}
		}
		if got, want := s.rooms(), index.RoomsOf(me); !slices.Equal(union(got, nil), want) {
			t.Fatalf("in %v, the index says %v", got, want)
		}
	})
}

// TestStaysAreBounded: what is forgotten is known to be.
func TestStaysAreBounded(t *testing.T) {
	var s stays
	s.join([]string{"always"}, 0)
	for n := range 10 * maxPast {
		room := []string{fmt.Sprint("r", n)}
		s.join(room, offset(2*n))
		s.leave(room, offset(2*n+1))
		if s.past > maxPast || len(s.all) != s.past+1 {
			t.Fatalf("%d stays, %d of them over", len(s.all), s.past)
		}
		for _, st := range s.all {
			if st.until <= s.floor {
				t.Fatalf("a stay until %d is still there; the floor is %d", st.until, s.floor)
			}
		}
	}
	if s.floor == 0 {
		t.Error("nothing was forgotten")
	}
}
