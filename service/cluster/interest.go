package cluster

import (
	"context"
	"sync"

	"github.com/seed52a35d2d/realtime-server/internal/redisbus"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// interests are the channels that this node listens to. What a group is and
// whether its channel is heard are compared and changed as one step.
type interests struct {
	mu sync.Mutex // comes before everything of the bus and of sio
}

// listen keeps subscribing to the channels of the groups that have members
// here, to that of this node and to that of all, until ctx ends.
func (c *Cluster) listen(ctx context.Context) {
	c.Bus.Subscribe(ofEveryone, c.receive)
	own := ""
	for {
		if tag := c.Self().Tag; tag != own {
			c.Bus.Subscribe(ofNode(tag), c.receive)
			if own != "" {
				c.Bus.Unsubscribe(ofNode(own))
			}
			own = tag
		}
		for _, g := range c.Interest.Take() {
			c.follow(g)
		}
		select {
		case <-c.Interest.Changed():
		case <-c.renamed:
		case <-ctx.Done():
			return
		}
	}
}

// follow listens to a group's channel if the group has a member here, and only
// then. What the group is now counts, not what it was when it changed. The
// subscription is nil without members.
func (c *Cluster) follow(g sio.Group) *redisbus.Subscription {
	c.interests.mu.Lock()
	defer c.interests.mu.Unlock()
	if !c.Has(g) {
		c.Bus.Unsubscribe(channelOf(g))
		return nil
	}
	return c.Bus.Subscribe(channelOf(g), c.receive)
}

// Settle waits until this node hears what is sent to groups that have members
// here, or ctx ends.
func (c *Cluster) Settle(ctx context.Context, groups ...sio.Group) {
	for _, g := range groups {
		if s := c.follow(g); s != nil {
			_ = s.Wait(ctx) // what Redis refuses, Health tells
		}
	}
}
