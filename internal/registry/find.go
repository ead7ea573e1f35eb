package registry

import (
	"context"
	"time"
)

// findPause is how long Redis is left alone with tags that it did not know:
// whoever invents ids must not make it work.
const findPause = 50 * time.Millisecond

// finds are the questions about tags that were unknown at the last renewal.
type finds struct {
	// asking holds one signal while somebody asks Redis, who has the fields below.
	asking chan struct{}
	last   *view
	asked  time.Duration // when last began to be asked for
}

// Find is NodeByTag that also knows of nodes that have joined since the last
// renewal. It asks Redis about a tag that is unknown, though not more often than
// every 50 ms, and says no if Redis does not answer before ctx ends. What Redis
// said before the call may mean yes, but never no.
func (r *Registry) Find(ctx context.Context, tag string) (Node, bool) {
	if node, ok := r.NodeByTag(tag); ok {
		return node, true
	}
	called := elapsed()
	select {
	case r.finds.asking <- struct{}{}:
		defer func() { <-r.finds.asking }()
	case <-ctx.Done():
		return Node{}, false
	}
	f := &r.finds
	if left := f.asked + findPause - elapsed(); f.last != nil && left > 0 {
		if node, ok := f.last.nodes[tag]; ok || f.asked >= called {
			return node, ok
		}
		pause(ctx, left, nil)
	}
	asked := elapsed()
	v, err := r.store.look(ctx)
	if err != nil {
		return Node{}, false
	}
	f.last, f.asked = v, asked
	node, ok := v.nodes[tag]
	return node, ok
}
