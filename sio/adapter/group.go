package adapter

// group is a set of members that is fast to walk over. A member knows its
// place in every group that it is in, so that leaving costs no search.
type group[M any] struct {
	name    string
	members []*Member[M]
}

// place is a member's place in a group.
type place[M any] struct {
	group *group[M]
	index int
}

// add puts a member at the end; the caller keeps its place.
func (g *group[M]) add(m *Member[M]) place[M] {
	g.members = append(g.members, m)
	return place[M]{g, len(g.members) - 1}
}

// remove fills the place of a member with the last one, whose own place
// moved reports.
func (g *group[M]) remove(index int, moved func(last *Member[M], to int)) {
	end := len(g.members) - 1
	last := g.members[end]
	g.members[end] = nil
	g.members = g.members[:end]
	if index < end {
		g.members[index] = last
		moved(last, index)
	}
}

// groups are the groups of one kind, by name. Empty ones are forgotten.
type groups[M any] map[string]*group[M]

func (gs groups[M]) join(name string, m *Member[M]) place[M] {
	g := gs[name]
	if g == nil {
		g = &group[M]{name: name}
		gs[name] = g
	}
	return g.add(m)
}

func (gs groups[M]) leave(p place[M], moved func(last *Member[M], to int)) {
	p.group.remove(p.index, moved)
	if len(p.group.members) == 0 {
		delete(gs, p.group.name)
	}
}

// members returns the members of a group that may not exist.
func (gs groups[M]) members(name string) []*Member[M] {
	if g := gs[name]; g != nil {
		return g.members
	}
	return nil
}
