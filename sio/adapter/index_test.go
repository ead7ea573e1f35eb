package adapter

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// model is what an Index ought to be: plain sets.
type model map[string]*modelMember

type modelMember struct {
	user  string
	rooms map[string]bool
}

func (m model) match(t Target) []string {
	var ids []string
	for id, member := range m {
		in := func(ids, users, rooms []string) bool {
			return slices.Contains(ids, id) ||
				member.user != "" && slices.Contains(users, member.user) ||
				slices.ContainsFunc(rooms, func(r string) bool { return member.rooms[r] })
		}
		if (t.Everyone || in(t.IDs, t.Users, t.Rooms)) && !in(t.ExceptIDs, t.ExceptUsers, t.ExceptRooms) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

func (m model) rooms() map[string]int {
	sizes := map[string]int{}
	for _, member := range m {
		for room := range member.rooms {
			sizes[room]++
		}
	}
	return sizes
}

const roomLimit = 4

// TestIndexAgainstModel does what comes to mind to an index and to a model of
// it, and asks both the same questions.
func TestIndexAgainstModel(t *testing.T) {
	names := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "1", "u1"}), 0, 5)
	id := rapid.SampledFrom([]string{"1", "2", "3", "4", "5", "6"})
	rapid.Check(t, func(t *rapid.T) {
		x, want := NewIndex[string](roomLimit), model{}
		members := map[string]*Member[string]{}
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				id, user, rooms := id.Draw(t, "id"), rapid.SampledFrom([]string{"", "u1", "u2"}).Draw(t, "user"), names.Draw(t, "rooms")
				if want[id] != nil {
					return
				}
				m := &Member[string]{ID: id, User: user, Value: id}
				fresh := &modelMember{user: user, rooms: map[string]bool{}}
				err := x.Add(m, rooms)
				if wantErr := fresh.join(rooms); !errors.Is(err, wantErr) {
					t.Fatalf("Add: %v, want %v", err, wantErr)
				}
				if err == nil {
					members[id], want[id] = m, fresh
				}
			},
			"join": func(t *rapid.T) {
				id, rooms := id.Draw(t, "id"), names.Draw(t, "rooms")
				if members[id] == nil {
					return
				}
				wantErr := ErrGone
				if want[id] != nil {
					wantErr = want[id].join(rooms)
				}
				if err := x.Join(members[id], rooms); !errors.Is(err, wantErr) {
					t.Fatalf("Join: %v, want %v", err, wantErr)
				}
			},
			"leave": func(t *rapid.T) {
				id, rooms := id.Draw(t, "id"), names.Draw(t, "rooms")
				if members[id] == nil {
					return
				}
				x.Leave(members[id], rooms)
				if want[id] != nil {
					maps.DeleteFunc(want[id].rooms, func(r string, _ bool) bool { return slices.Contains(rooms, r) })
				}
			},
			"remove": func(t *rapid.T) {
				id := id.Draw(t, "id")
				if members[id] != nil {
					x.Remove(members[id])
					delete(want, id)
				}
			},
			"": func(t *rapid.T) {
				target := Target{
					Everyone: rapid.Bool().Draw(t, "everyone"),
					Rooms:    names.Draw(t, "rooms"), Users: names.Draw(t, "users"), IDs: names.Draw(t, "ids"),
					ExceptRooms: names.Draw(t, "not rooms"), ExceptUsers: names.Draw(t, "not users"), ExceptIDs: names.Draw(t, "not ids"),
				}
				for _, target := range []Target{target, {Rooms: target.Rooms}, {Users: target.Users[:min(1, len(target.Users))]}, {}} {
					got := x.Match(nil, target)
					slices.Sort(got)
					if !slices.Equal(got, want.match(target)) {
						t.Fatalf("Match(%+v) = %v, want %v", target, got, want.match(target))
					}
				}
				if got := x.Rooms(); !maps.Equal(got, want.rooms()) {
					t.Fatalf("Rooms() = %v, want %v", got, want.rooms())
				}
				for id, member := range want {
					m, ok := x.Get(id)
					if !ok || !slices.Equal(x.RoomsOf(m), slices.Sorted(maps.Keys(member.rooms))) {
						t.Fatalf("%s is in %v, want %v", id, x.RoomsOf(m), member.rooms)
					}
				}
			},
		})
	})
}

func (m *modelMember) join(rooms []string) error {
	all := maps.Clone(m.rooms)
	for _, r := range rooms {
		all[r] = true
	}
	if len(all) > roomLimit {
		return ErrTooManyRooms
	}
	m.rooms = all
	return nil
}

// BenchmarkMatch walks over the members of one room of many.
func BenchmarkMatch(b *testing.B) {
	x := NewIndex[*int](10)
	for i := range 10_000 {
		m := &Member[*int]{ID: fmt.Sprint(i), Value: new(int)}
		if err := x.Add(m, []string{"all", fmt.Sprint("room ", i%100)}); err != nil {
			b.Fatal(err)
		}
	}
	var dst []*int
	b.ReportAllocs()
	for b.Loop() {
		dst = x.Match(dst[:0], Target{Rooms: []string{"all"}})
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/10_000, "ns/member")
}

// TestSuccessor has a member come with the id of one that is about to go.
func TestSuccessor(t *testing.T) {
	x := NewIndex[string](roomLimit)
	old, young := &Member[string]{ID: "1", Value: "old"}, &Member[string]{ID: "1", Value: "young"}
	for _, m := range []*Member[string]{old, young} {
		if err := x.Add(m, []string{"a"}); err != nil {
			t.Fatal(err)
		}
	}
	x.Remove(old)
	if m, ok := x.Get("1"); !ok || m != young {
		t.Errorf("the id stands for %v", m)
	}
	if got := x.Match(nil, Target{Rooms: []string{"a"}, IDs: []string{"1"}}); !slices.Equal(got, []string{"young"}) {
		t.Errorf("the room has %v", got)
	}
	x.Remove(young)
	if _, ok := x.Get("1"); ok || len(x.Rooms()) > 0 {
		t.Errorf("something is left: %v", x.Rooms())
	}
}
