package attach

import (
	"slices"
	"strings"
)

// subject is what a call is about.
type subject struct {
	namespace string
	event     string
	isEvent   bool // only then event says something
}

// serving is what a worker takes. Empty lists take everything.
type serving struct {
	namespaces, events []string
}

// serves reports whether it takes calls about a subject.
func (s serving) serves(on subject) bool {
	return s.hasNamespace(on.namespace) && (!on.isEvent || matchAny(s.events, on.event))
}

func (s serving) hasNamespace(name string) bool { return matchAny(s.namespaces, name) }

func (s serving) equal(other serving) bool {
	return slices.Equal(s.namespaces, other.namespaces) && slices.Equal(s.events, other.events)
}

func matchAny(patterns []string, name string) bool {
	return len(patterns) == 0 || slices.ContainsFunc(patterns, func(p string) bool { return match(p, name) })
}

// match reports whether a name is one of a pattern's, in which `*` stands for any
// characters. Each part between two of them is looked for where it comes first,
// which leaves the most for those behind it.
func match(pattern, name string) bool {
	first, rest, starred := strings.Cut(pattern, "*")
	if !starred {
		return pattern == name
	}
	if !strings.HasPrefix(name, first) {
		return false
	}
	name = name[len(first):]
	for {
		part, behind, more := strings.Cut(rest, "*")
		if !more {
			return strings.HasSuffix(name, part)
		}
		_, after, found := strings.Cut(name, part)
		if !found {
			return false
		}
		name, rest = after, behind
	}
}
