package sio

import (
	"math"
	"slices"
)

// stay is a socket's time in a room: it gets what is recorded after from, up to
// and including until.
type stay struct {
	room        string
	from, until offset
}

// forever is the end of a stay that goes on.
const forever offset = math.MaxUint64

// maxPast is how many stays that are over a socket remembers.
const maxPast = 128

// stays is where a socket is and was. Without the past, events that were under
// way when the client lost its connection could not be told from those that it
// was never to get.
type stays struct {
	all  []stay
	past int // of them are over
	// floor is where what was forgotten ends: nothing can be said about events
	// before.
	floor offset
}

// join begins stays in those of the rooms where the socket is not.
func (s *stays) join(rooms []string, at offset) {
	if len(rooms) == 0 {
		return
	}
	in := make(map[string]bool, len(s.all)+len(rooms))
	for _, room := range s.rooms() {
		in[room] = true
	}
	for _, room := range rooms {
		if !in[room] {
			in[room] = true
			s.all = append(s.all, stay{room, at, forever})
		}
	}
}

// leave ends the stays in rooms. What brought no event leaves no trace.
func (s *stays) leave(rooms []string, at offset) {
	leaving := make(map[string]bool, len(rooms))
	for _, room := range rooms {
		leaving[room] = true
	}
	s.all = slices.DeleteFunc(s.all, func(st stay) bool {
		return st.until == forever && st.from == at && leaving[st.room]
	})
	for i := range s.all {
		if st := &s.all[i]; st.until == forever && leaving[st.room] {
			st.until = at
			s.past++
		}
	}
	if s.past > maxPast {
		s.forget()
	}
}

// forget drops the older half of what is over.
func (s *stays) forget() {
	ends := make([]offset, 0, s.past)
	for _, st := range s.all {
		if st.until != forever {
			ends = append(ends, st.until)
		}
	}
	slices.Sort(ends)
	s.floor = ends[len(ends)/2]
	s.all = slices.DeleteFunc(s.all, func(st stay) bool { return st.until <= s.floor })
	s.past = 0
	for _, st := range s.all {
		if st.until != forever {
			s.past++
		}
	}
}

// rooms are where the socket is now.
func (s *stays) rooms() []string {
	var rooms []string
	for _, st := range s.all {
		if st.until == forever {
			rooms = append(rooms, st.room)
		}
	}
	return rooms
}

func (s *stays) clone() stays {
	return stays{slices.Clone(s.all), s.past, s.floor}
}

// size is what the stays cost, in bytes.
func (s *stays) size() int {
	size := 0
	for _, st := range s.all {
		size += stayOverhead + len(st.room)
	}
	return size
}

const stayOverhead = 48

// reader says which events were for one socket.
type reader struct {
	id, user string
	stays    map[string][]stay // by room
}

func newReader(id, user string, s *stays) *reader {
	r := &reader{id: id, user: user, stays: make(map[string][]stay, len(s.all))}
	for _, st := range s.all {
		r.stays[st.room] = append(r.stays[st.room], st)
	}
	return r
}

// gets reports whether the socket was in a target when an event was recorded.
// It says what adapter.Index.Match said, or would have said, at that time.
func (r *reader) gets(t *Target, at offset) bool {
	named := t.Everyone || r.named(t.Rooms, t.Users, t.IDs, at)
	return named && !r.named(t.ExceptRooms, t.ExceptUsers, t.ExceptIDs, at)
}

func (r *reader) named(rooms, users, ids []string, at offset) bool {
	if slices.Contains(ids, r.id) || r.user != "" && slices.Contains(users, r.user) {
		return true
	}
	return slices.ContainsFunc(rooms, func(room string) bool {
		return slices.ContainsFunc(r.stays[room], func(st stay) bool { return st.from < at && at <= st.until })
	})
}
