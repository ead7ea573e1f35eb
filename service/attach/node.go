package attach

import (
	"context"
	"slices"
	"time"

	clusterv1 "github.com/seed52a35d2d/realtime-server/gen/realtime/cluster/v1"
)

// node is another node that has workers of a group. Its fields are the group's,
// under its lock.
type node struct {
	group *group
	life  int64 // names it; immutable
	tag   string

	servings []offered
	waiting  int // calls in its line
	heard    time.Time
	calls    map[uint64]*call // of ours, that are there
	// refusing: it has not taken a call. Its next offer says what it takes.
	refusing bool
}

// offered is a set of its workers.
type offered struct {
	serving

	credits, free int
}

// hearOffer takes what a node says of its workers.
func (g *group) hearOffer(tag string, life int64, offer *clusterv1.Offer) {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := g.nodes[life]
	if n == nil {
		n = &node{group: g, life: life, calls: map[uint64]*call{}}
		g.nodes[life] = n
	}
	before := n.servings
	n.tag, n.heard, n.waiting, n.refusing = tag, time.Now(), int(offer.GetWaiting()), false
	n.servings = servingsOf(offer)
	for _, s := range n.servings {
		g.forget(n.heard, s.serving)
	}
	for _, old := range before {
		if !slices.ContainsFunc(n.servings, func(s offered) bool { return s.equal(old.serving) }) {
			g.remember(old.serving)
		}
	}
	if len(n.servings) == 0 && len(n.calls) == 0 {
		delete(g.nodes, life)
		return
	}
	g.pull(n)
}

func servingsOf(offer *clusterv1.Offer) []offered {
	var all []offered
	for _, s := range offer.GetServings()[:min(len(offer.GetServings()), maxServings)] {
		all = append(all, offered{serving{s.GetNamespaces(), s.GetEvents()}, int(s.GetCredits()), int(s.GetFree())})
	}
	return all
}

// freest is the node with the most free credits for a call, as far as one knows.
func (g *group) freest(c *call) *node {
	var best *node
	for _, n := range g.nodes {
		if n.canTake(c) && (best == nil || n.freeFor(c) > best.freeFor(c)) {
			best = n
		}
	}
	return best
}

// servedAt is the node with the shortest line for a call, for its credits. It is
// nil if no other node takes it.
func (g *group) servedAt(c *call) *node {
	var best *node
	for _, n := range g.nodes {
		if n.willTake(c) && (best == nil || n.busy() < best.busy()) {
			best = n
		}
	}
	return best
}

// willTake reports whether the node takes a call, though it may have to wait.
func (n *node) willTake(c *call) bool {
	return !c.foreign && !n.refusing && c.size <= maxWork &&
		slices.ContainsFunc(n.servings, func(s offered) bool { return s.serves(c.on) })
}

// canTake implements [place].
func (n *node) canTake(c *call) bool { return n.willTake(c) && n.freeFor(c) > 0 }

func (n *node) freeFor(c *call) (free int) {
	for _, s := range n.servings {
		if s.serves(c.on) {
			free += s.free
		}
	}
	return free
}

func (n *node) busy() float64 {
	credits := 1
	for _, s := range n.servings {
		credits += s.credits
	}
	return float64(n.waiting+len(n.calls)) / float64(credits)
}

// take implements [place]. Who makes the call sends it there (group.forward).
func (n *node) take(c *call) {
	c.node, c.id = n, n.group.hub.works.Add(1)
	n.calls[c.id] = c
	for i := range n.servings {
		if s := &n.servings[i]; s.free > 0 && s.serves(c.on) {
			s.free--
			break
		}
	}
	select {
	case c.moved <- struct{}{}:
	default:
	}
}

// drop forgets a call that nobody waits for any more.
func (n *node) drop(id uint64) { delete(n.calls, id) }

// forward sends a call to the node that has it by now.
func (g *group) forward(ctx context.Context, c *call) {
	g.mu.Lock()
	n, id := c.node, c.id
	if n == nil {
		g.mu.Unlock()
		return
	}
	tag := n.tag
	work := &clusterv1.Work{Group: g.name, Call: c.message(), Repeatable: c.repeatable}
	g.mu.Unlock()
	heard, err := g.hub.peers.TellNode(ctx, tag, &clusterv1.Attached{Body: &clusterv1.Attached_Work{Work: work}})
	if heard {
		g.hub.metrics.forwarded.WithLabelValues(g.name).Inc()
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if n.calls[id] == c {
		n.drop(id)
		n.refusing = true
		g.lost(c, err != nil)
	}
}

// giveUp tells a node that nobody waits for a call any more. ctx has ended.
func (g *group) giveUp(ctx context.Context, n *node, id uint64) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	g.mu.Lock()
	tag := n.tag
	g.mu.Unlock()
	// Without it the call has its time there.
	_, _ = g.hub.peers.TellNode(ctx, tag, &clusterv1.Attached{Body: &clusterv1.Attached_GiveUp{GiveUp: &clusterv1.GiveUp{Id: id}}})
}

// hearDone takes what a node says of a call.
func (g *group) hearDone(life int64, done *clusterv1.Done) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var c *call
	id, n := done.GetResult().GetId(), g.nodes[life]
	if n != nil {
		c = n.calls[id]
	}
	if c == nil {
		g.hub.metrics.ignored.WithLabelValues(g.name, "late").Inc()
		return
	}
	n.drop(id)
	if done.GetResult().GetOutcome() == nil {
		n.refusing = true
		g.lost(c, done.GetBegun())
		return
	}
	c.end(outcome{result: done.GetResult()})
	n.freed(c.on)
}

// freed looks for a call that can use the credit of one that is done, unless the
// node's own calls use it.
func (n *node) freed(on subject) {
	for i := range n.servings {
		if s := &n.servings[i]; s.free < s.credits && n.waiting == 0 && s.serves(on) {
			s.free++
			n.group.pull(n)
			return
		}
	}
}

// expire takes nodes that are not heard any more for dead. The lock is held.
func (g *group) expire(now time.Time) {
	for life, n := range g.nodes {
		if now.Sub(n.heard) <= g.hub.times.silent {
			continue
		}
		delete(g.nodes, life)
		for _, s := range n.servings {
			g.remember(s.serving)
		}
		for id, c := range n.calls {
			n.drop(id)
			g.lost(c, true)
		}
	}
}
