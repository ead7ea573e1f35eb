package bridge

import (
	"context"
	"sync"

	"github.com/seed52a35d2d/realtime-server/internal/redisbus"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// link is that this node is one of a namespace's servers.
type link struct {
	holds     int  // who needs it
	populated bool // one of them are the members of a dynamic namespace
	listening []*redisbus.Subscription
}

// links are those of all namespaces. What a namespace needs, and whether its
// channels are listened to, are compared and changed as one step.
type links struct {
	mu  sync.Mutex // comes before everything of the bus and of sio
	all map[string]*link
}

// hold makes this node one of a namespace's servers, until release is called as
// often.
func (b *Bridge) hold(namespace string) []*redisbus.Subscription {
	b.links.mu.Lock()
	defer b.links.mu.Unlock()
	return b.holding(namespace).listening
}

// holding is hold; the lock is held.
func (b *Bridge) holding(namespace string) *link {
	l := b.links.all[namespace]
	if l == nil {
		l = &link{listening: b.dialect.listen(namespace)}
		b.links.all[namespace] = l
	}
	l.holds++
	return l
}

// release undoes hold.
func (b *Bridge) release(namespace string) {
	b.links.mu.Lock()
	defer b.links.mu.Unlock()
	b.releasing(namespace)
}

// releasing is release; the lock is held.
func (b *Bridge) releasing(namespace string) {
	l := b.links.all[namespace]
	if l == nil {
		return // the bridge has been closed
	}
	if l.holds--; l.holds == 0 {
		delete(b.links.all, namespace)
		b.dialect.forget(namespace)
	}
}

// leave makes this node none of anybody's servers: they do not wait for answers
// of a node that ends.
func (b *Bridge) leave() {
	b.links.mu.Lock()
	defer b.links.mu.Unlock()
	for namespace := range b.links.all {
		b.dialect.forget(namespace)
	}
	clear(b.links.all)
}

// listen keeps subscribing to what concerns the groups that have members here,
// until ctx ends.
func (b *Bridge) listen(ctx context.Context) {
	for {
		for _, g := range b.Interest.Take() {
			b.follow(g)
		}
		select {
		case <-b.Interest.Changed():
		case <-ctx.Done():
			return
		}
	}
}

// follow listens to what concerns a group if the group has a member here, and
// only then. What it is now counts, not what it was when it changed.
func (b *Bridge) follow(g sio.Group) []*redisbus.Subscription {
	b.links.mu.Lock()
	defer b.links.mu.Unlock()
	switch g.Kind {
	case sio.GroupEveryone:
		return b.populate(g.Namespace, b.Sockets.Has(g))
	case sio.GroupRoom, sio.GroupOne:
		if !b.has(g.Namespace, g.Name) {
			b.dialect.forgetRoom(g.Namespace, g.Name)
		} else if s := b.dialect.listenRoom(g.Namespace, g.Name); s != nil {
			return []*redisbus.Subscription{s}
		}
	default: // Node has no users
	}
	return nil
}

// has reports whether there is somebody here in a room of Node's: a member of a
// room of ours, or the socket with an id.
func (b *Bridge) has(namespace, room string) bool {
	return b.Sockets.Has(sio.Group{Namespace: namespace, Kind: sio.GroupRoom, Name: room}) ||
		b.Sockets.Has(sio.Group{Namespace: namespace, Kind: sio.GroupOne, Name: room})
}

// populate notes whether a namespace has members, those of the configuration
// included. The lock is held.
func (b *Bridge) populate(namespace string, has bool) []*redisbus.Subscription {
	l := b.links.all[namespace]
	switch populated := l != nil && l.populated; {
	case has && !populated:
		l = b.holding(namespace)
		l.populated = true
	case !has && populated:
		l.populated = false
		b.releasing(namespace)
		return nil
	case !has:
		return nil
	}
	return l.listening
}

// Settle waits until this node hears what Node's servers send to groups that
// have members here, or ctx ends.
func (b *Bridge) Settle(ctx context.Context, groups ...sio.Group) {
	for _, g := range groups {
		wait(ctx, b.follow(g))
	}
}

// wait waits until subscriptions are confirmed, or ctx ends.
func wait(ctx context.Context, all []*redisbus.Subscription) {
	for _, s := range all {
		_ = s.Wait(ctx) // what Redis refuses, Health tells
	}
}
