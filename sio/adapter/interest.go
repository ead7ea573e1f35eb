package adapter

import "sync"

// Kind is what a Group is made of.
type Kind uint8

// The kinds.
const (
	// Everyone is all members of a namespace.
	Everyone Kind = iota
	// Room is the members of a room.
	Room
	// User is the members of one user.
	User
	// One is the member with an id. Only an Interest with WithIDs is told.
	One
	// Origin is the members whose ids were made by one node.
	Origin
)

// Group is a set of members that somebody may send to.
type Group struct {
	Namespace string
	Kind      Kind
	Name      string // "" for Everyone
}

// Interest collects the groups that have got their first member or lost their
// last one, so that a node listens to what concerns it, and to nothing else.
// Whoever takes a group looks at what it is by then: several changes count
// once. Its methods may be called under any lock.
type Interest struct {
	changed chan struct{} // there is something to take; holds one signal
	also    []*Interest   // hear all that this one does; immutable
	ids     bool          // immutable

	mu     sync.Mutex // stands last
	groups map[Group]struct{}
}

// NewInterest makes one that has seen no change.
func NewInterest() *Interest {
	return &Interest{changed: make(chan struct{}, 1), groups: map[Group]struct{}{}}
}

// Also makes another one for somebody else, which hears the same. It is called
// before the first change.
func (i *Interest) Also() *Interest {
	other := NewInterest()
	i.also = append(i.also, other)
	return other
}

// WithIDs makes it collect single members as well. It is called before the first
// change.
func (i *Interest) WithIDs() *Interest {
	i.ids = true
	return i
}

// Changed gets a signal when there is something to take.
func (i *Interest) Changed() <-chan struct{} { return i.changed }

// Take returns the groups that have changed, and forgets them.
func (i *Interest) Take() []Group {
	i.mu.Lock()
	defer i.mu.Unlock()
	taken := make([]Group, 0, len(i.groups))
	for g := range i.groups {
		taken = append(taken, g)
	}
	clear(i.groups)
	return taken
}

// note adds a group. Where nobody is interested, i is nil.
func (i *Interest) note(g Group) {
	if i == nil {
		return
	}
	for _, other := range i.also {
		other.note(g)
	}
	if g.Kind == One && !i.ids {
		return
	}
	i.mu.Lock()
	i.groups[g] = struct{}{}
	i.mu.Unlock()
	select {
	case i.changed <- struct{}{}:
	default:
	}
}
