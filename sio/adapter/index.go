package adapter

import (
	"errors"
	"slices"
	"sync"
)

// Member is one socket's entry in an Index. Embed it in the socket; its zero
// value is in no index. ID, User, Origin and Value must be set before Add and not be
// changed after it. A member may have the id of one that is about to be
// removed; the id then stands for the newer one.
type Member[M any] struct {
	ID     string
	User   string // "" belongs to no user
	Origin string // whose id it is; "" is nobody's
	Value  M

	// Guarded by the index's lock.
	present bool
	all     int // place in Index.all
	user    place[M]
	rooms   []place[M]
}

// Index is who is where in one namespace. One lock guards rooms and members
// alike, so that a room never holds a member that has gone.
type Index[M any] struct {
	// Immutable.
	namespace string
	maxRooms  int
	interest  *Interest // nil if nobody is interested

	mu      sync.RWMutex
	ids     map[string]*Member[M]
	all     group[M]
	users   groups[M]
	rooms   groups[M]
	origins map[string]int // how many members each has
}

// Errors of Join.
var (
	ErrGone         = errors.New("not connected")
	ErrTooManyRooms = errors.New("too many rooms")
)

// NewIndex makes an empty index whose members may be in maxRooms rooms each.
func NewIndex[M any](maxRooms int) *Index[M] {
	return &Index[M]{
		maxRooms: maxRooms,
		ids:      map[string]*Member[M]{}, users: groups[M]{}, rooms: groups[M]{}, origins: map[string]int{},
	}
}

// Tell has the index tell of its groups, as those of a namespace, when they get
// their first member or lose their last one. It is called before the first Add.
func (x *Index[M]) Tell(i *Interest, namespace string) *Index[M] {
	x.interest, x.namespace = i, namespace
	return x
}

// came tells of a group that has just got a member, if that is its first one.
func (x *Index[M]) came(kind Kind, name string, members int) {
	if members == 1 {
		x.interest.note(Group{x.namespace, kind, name})
	}
}

// went tells of a group that has just lost a member, if that was its last one.
func (x *Index[M]) went(kind Kind, name string, members int) {
	if members == 0 {
		x.interest.note(Group{x.namespace, kind, name})
	}
}

// Has reports whether a group has a member.
func (x *Index[M]) Has(kind Kind, name string) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	switch kind {
	case Room:
		return x.rooms[name] != nil
	case User:
		return x.users[name] != nil
	case One:
		return x.ids[name] != nil
	case Origin:
		return x.origins[name] > 0
	default:
		return len(x.all.members) > 0
	}
}

// Add puts a member into the index and into rooms, all at once. On
// ErrTooManyRooms it does neither.
func (x *Index[M]) Add(m *Member[M], rooms []string) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.join(m, rooms); err != nil {
		return err
	}
	m.present = true
	x.ids[m.ID] = m
	x.interest.note(Group{x.namespace, One, m.ID})
	m.all = x.all.add(m).index
	x.came(Everyone, "", len(x.all.members))
	if m.User != "" {
		m.user = x.users.join(m.User, m)
		x.came(User, m.User, len(m.user.group.members))
	}
	if m.Origin != "" {
		x.origins[m.Origin]++
		x.came(Origin, m.Origin, x.origins[m.Origin])
	}
	return nil
}

// Remove takes a member out of the index and all its rooms. A member that is
// in no index stays as it is.
func (x *Index[M]) Remove(m *Member[M]) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !m.present {
		return
	}
	m.present = false
	if x.ids[m.ID] == m { // else its successor is there already
		delete(x.ids, m.ID)
		x.interest.note(Group{x.namespace, One, m.ID})
	}
	x.all.remove(m.all, func(last *Member[M], to int) { last.all = to })
	x.went(Everyone, "", len(x.all.members))
	if m.User != "" {
		x.users.leave(m.user, func(last *Member[M], to int) { last.user.index = to })
		x.went(User, m.User, len(m.user.group.members))
	}
	if m.Origin != "" {
		if x.origins[m.Origin]--; x.origins[m.Origin] == 0 {
			delete(x.origins, m.Origin)
			x.went(Origin, m.Origin, 0)
		}
	}
	for _, p := range m.rooms {
		x.leave(p)
	}
	m.rooms = nil
}

// Join makes a member join rooms, all of them or, on an error, none.
func (x *Index[M]) Join(m *Member[M], rooms []string) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !m.present {
		return ErrGone
	}
	return x.join(m, rooms)
}

func (x *Index[M]) join(m *Member[M], rooms []string) error {
	fresh := m.fresh(rooms)
	if len(m.rooms)+len(fresh) > x.maxRooms {
		return ErrTooManyRooms
	}
	for _, name := range fresh {
		p := x.rooms.join(name, m)
		m.rooms = append(m.rooms, p)
		x.came(Room, name, len(p.group.members))
	}
	return nil
}

// fresh returns those of the rooms that the member is not in, each once.
func (m *Member[M]) fresh(rooms []string) []string {
	if len(rooms) == 0 {
		return nil
	}
	known := make(map[string]bool, len(m.rooms)+len(rooms))
	for _, p := range m.rooms {
		known[p.group.name] = true
	}
	var fresh []string
	for _, name := range rooms {
		if !known[name] {
			known[name] = true
			fresh = append(fresh, name)
		}
	}
	return fresh
}

// Leave ends a member's stay in rooms.
func (x *Index[M]) Leave(m *Member[M], rooms []string) {
	leaving := make(map[string]bool, len(rooms))
	for _, name := range rooms {
		leaving[name] = true
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	m.rooms = slices.DeleteFunc(m.rooms, func(p place[M]) bool {
		if leaving[p.group.name] {
			x.leave(p)
			return true
		}
		return false
	})
}

// leave takes a place away from a room and tells the member who fills it.
func (x *Index[M]) leave(p place[M]) {
	x.rooms.leave(p, func(last *Member[M], to int) {
		for i := range last.rooms {
			if last.rooms[i].group == p.group {
				last.rooms[i].index = to
			}
		}
	})
	x.went(Room, p.group.name, len(p.group.members))
}

// Get returns the member with an id.
func (x *Index[M]) Get(id string) (*Member[M], bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	m, ok := x.ids[id]
	return m, ok
}

// RoomsOf returns the rooms of a member, sorted.
func (x *Index[M]) RoomsOf(m *Member[M]) []string {
	x.mu.RLock()
	defer x.mu.RUnlock()
	names := make([]string, len(m.rooms))
	for i, p := range m.rooms {
		names[i] = p.group.name
	}
	slices.Sort(names)
	return names
}

// Rooms returns every room that has members, with their number.
func (x *Index[M]) Rooms() map[string]int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	sizes := make(map[string]int, len(x.rooms))
	for name, g := range x.rooms {
		sizes[name] = len(g.members)
	}
	return sizes
}

// Match appends the values of the members of a target to dst, each once, in
// no order.
func (x *Index[M]) Match(dst []M, t Target) []M {
	x.mu.RLock()
	defer x.mu.RUnlock()
	skip, once := x.excepted(&t), t.single()
	take := func(members []*Member[M]) {
		for _, m := range members {
			if skip[m] {
				continue
			}
			if !once { // another set may name it too
				skip[m] = true
			}
			dst = append(dst, m.Value)
		}
	}
	if t.Everyone {
		take(x.all.members)
		return dst
	}
	for _, room := range t.Rooms {
		take(x.rooms.members(room))
	}
	for _, user := range t.Users {
		take(x.users.members(user))
	}
	for _, id := range t.IDs {
		if m := x.ids[id]; m != nil {
			take([]*Member[M]{m})
		}
	}
	return dst
}

// excepted is the set of members that the Except lists of a target name. It is
// nil where nobody needs it.
func (x *Index[M]) excepted(t *Target) map[*Member[M]]bool {
	if t.plain() && t.single() {
		return nil
	}
	set := map[*Member[M]]bool{}
	for _, room := range t.ExceptRooms {
		for _, m := range x.rooms.members(room) {
			set[m] = true
		}
	}
	for _, user := range t.ExceptUsers {
		for _, m := range x.users.members(user) {
			set[m] = true
		}
	}
	for _, id := range t.ExceptIDs {
		if m := x.ids[id]; m != nil {
			set[m] = true
		}
	}
	return set
}
