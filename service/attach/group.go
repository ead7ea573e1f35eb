package attach

import (
	"iter"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// group is the workers that share calls, and the calls that wait for them.
type group struct {
	hub  *Hub
	name string
	log  *slog.Logger

	mu      sync.Mutex // stands alone
	workers []*worker
	next    int             // where to begin to look for an idle worker
	nodes   map[int64]*node // other nodes, by the number of their life
	line    []*call         // those that wait, the oldest first
	left    []leftServing
	leaving bool // this node ends: other nodes' workers come first
	closed  bool // and has none itself
	offered bool // others know of workers of ours
	hadFree bool // whether the last offer had a free credit
	changed bool // since the last offer
}

// leftServing is what was served by a worker that has left.
type leftServing struct {
	serving

	until time.Time
}

// place is what can take a call: a worker, or another node.
type place interface {
	// canTake reports whether a call would be begun there now.
	canTake(*call) bool
	// take gives it the call.
	take(*call)
}

// put finds a place for a call, or puts it in line, or ends it. The lock is held.
func (g *group) put(c *call) {
	here := g.servedHere(c.on)
	if c.foreign && (g.leaving || !here) {
		c.end(outcome{err: errNoWorker})
		return
	}
	if p := g.placeFor(c); p != nil {
		p.take(c)
		return
	}
	switch elsewhere := g.servedAt(c); {
	case here:
	case elsewhere != nil:
		elsewhere.take(c) // it waits in the line there, which is where credits come free
		return
	case g.closed:
		c.end(outcome{err: errNoWorker})
		return
	case g.unwanted(c.on):
		c.end(outcome{err: errUnserved})
		return
	}
	if len(g.line) >= maxLine {
		c.end(outcome{err: errLineFull})
		return
	}
	c.waiting = true
	g.line = append(g.line, c)
}

// placeFor finds where a call would be begun at once: with the least busy of our
// workers, else on another node; the other way round if this node ends. It is nil
// if there is none.
func (g *group) placeFor(c *call) place {
	w, n := g.idlest(c), (*node)(nil)
	if w == nil || g.leaving {
		n = g.freest(c)
	}
	switch {
	case n != nil:
		return n
	case w != nil:
		return w
	}
	return nil
}

// idlest is the worker that has the smallest part of its credits in use. Among
// equals each has its turn.
func (g *group) idlest(c *call) *worker {
	var best *worker
	for i := range g.workers {
		w := g.workers[(g.next+i)%len(g.workers)]
		if w.canTake(c) && (best == nil || w.busy() < best.busy()) {
			best = w
		}
	}
	if best != nil {
		g.next++
	}
	return best
}

// servedHere reports whether one of our workers takes calls about a subject, now
// or once it has a credit.
func (g *group) servedHere(on subject) bool {
	return slices.ContainsFunc(g.workers, func(w *worker) bool { return w.present() && w.serves(on) })
}

// unwanted reports whether an event is one that nobody takes, although there are
// workers for its namespace. That of a worker that has just left is still wanted.
func (g *group) unwanted(on subject) bool {
	if !on.isEvent {
		return false
	}
	if slices.ContainsFunc(g.left, func(l leftServing) bool { return l.serves(on) }) {
		return false
	}
	ofNamespace := false
	for s := range g.servings() {
		if s.serves(on) { // whoever that is cannot take it now
			return false
		}
		ofNamespace = ofNamespace || s.hasNamespace(on.namespace)
	}
	return ofNamespace
}

// servings are those of all workers, as far as one knows.
func (g *group) servings() iter.Seq[serving] {
	return func(yield func(serving) bool) {
		for _, w := range g.workers {
			if !yield(w.serving) {
				return
			}
		}
		for _, n := range g.nodes {
			for _, s := range n.servings {
				if !yield(s.serving) {
					return
				}
			}
		}
	}
}

// pull gives a place as many of the waiting calls as it can take. The lock is held.
func (g *group) pull(p place) {
	g.line = slices.DeleteFunc(g.line, func(c *call) bool {
		if !p.canTake(c) {
			return false
		}
		c.waiting = false
		p.take(c)
		return true
	})
}

// lost finds another place for a call whose worker, or node, is away, or ends it.
// The lock is held.
func (g *group) lost(c *call, begun bool) {
	c.worker, c.node = nil, nil
	switch {
	case c.foreign:
		c.end(outcome{err: errVanished, begun: begun})
	case c.mayBegin(begun):
		if begun {
			c.beginAgain()
		}
		g.hub.metrics.reassigned.WithLabelValues(g.name).Inc()
		g.put(c)
	case c.repeatable:
		c.end(outcome{err: errPoison, begun: begun})
	default:
		c.end(outcome{err: errVanished, begun: begun})
	}
}

// reconsider looks for calls in line that nobody here takes any more. Those of
// other nodes end, so that they go elsewhere; ours go where they are taken. The
// lock is held.
func (g *group) reconsider() {
	g.line = slices.DeleteFunc(g.line, func(c *call) bool {
		if g.servedHere(c.on) {
			return false
		}
		if c.foreign {
			c.end(outcome{err: errNoWorker})
		} else if n := g.servedAt(c); n != nil {
			c.waiting = false
			n.take(c)
		}
		return !c.waiting
	})
}

// unserved ends a call that waits in vain.
func (g *group) unserved(c *call) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if c.waiting && !g.servedHere(c.on) && g.servedAt(c) == nil {
		g.unlink(c)
		c.end(outcome{err: errNoWorker})
	}
}

// unlink takes a call out of the line. The lock is held.
func (g *group) unlink(c *call) {
	if i := slices.Index(g.line, c); i >= 0 {
		g.line = slices.Delete(g.line, i, i+1)
	}
}

// remember keeps in mind what is not served any more. The lock is held.
func (g *group) remember(s serving) {
	g.forget(time.Now(), s)
	if len(g.left) >= maxServings {
		g.left = slices.Delete(g.left, 0, 1)
	}
	g.left = append(g.left, leftServing{s, time.Now().Add(g.hub.times.memory)})
}

// forget drops what was served too long ago, and what is given. The lock is held.
func (g *group) forget(now time.Time, these ...serving) {
	g.left = slices.DeleteFunc(g.left, func(l leftServing) bool {
		return now.After(l.until) || slices.ContainsFunc(these, l.equal)
	})
}

// free is how many credits of ours are free. The lock is held.
func (g *group) free() (n int) {
	for _, w := range g.workers {
		n += w.free()
	}
	return n
}

// credited looks whether others need to know of a credit that was given or taken.
// The lock is held.
func (g *group) credited() {
	if !g.changed && g.free() > 0 != g.hadFree {
		g.change()
	}
}

// change has an offer made soon. The lock is held.
func (g *group) change() {
	g.changed = true
	g.hub.nudge()
}
