// Package adapter knows who is in which room, and what a target means: the
// connections that an event is for.
package adapter

// Target names members of a namespace: everyone, or the union of rooms, users
// and ids; minus all that the Except lists name. Rooms, users and ids are
// separate name spaces. The zero Target is nobody.
type Target struct {
	Everyone bool

	Rooms []string
	Users []string
	IDs   []string

	ExceptRooms []string
	ExceptUsers []string
	ExceptIDs   []string
}

// single reports whether the target is one set, so that nobody can be in it
// twice.
func (t *Target) single() bool {
	return t.Everyone || len(t.Rooms)+len(t.Users)+len(t.IDs) <= 1
}

// plain reports whether nobody is excepted.
func (t *Target) plain() bool {
	return len(t.ExceptRooms)+len(t.ExceptUsers)+len(t.ExceptIDs) == 0
}
