package redisbus

import (
	"context"
	"sync"
)

// path is a way to a Redis server and back: a lane to publish, a feed to
// listen, and a probe that sends messages from one to the other. A bus has one,
// in a Redis Cluster one for each bucket.
type path struct {
	env    environment
	name   string // for people
	health *health
	kind   kind // of the probe's channel
	lane   *lane
	feed   *feed
	probe  *probe
}

// newPath makes a path whose probe uses a channel.
func newPath(env environment, name string, limit int, k kind, probeChannel string, h *health) *path {
	p := &path{env: env, name: name, health: h, kind: k}
	p.lane = newLane(env, limit, p.publishing)
	p.feed = newFeed(env, p.lost, p.restored)
	p.probe = newProbe(probeChannel)
	p.feed.want(k, probeChannel, probeChannel, p.probe.hear)
	return p
}

// begin says that the path exists, and that nothing is known of it yet.
func (p *path) begin() {
	p.health.begin(p.part("publish"))
	p.health.begin(p.part("subscribe"))
}

// end ends a path that does not run.
func (p *path) end() {
	p.lane.end()
	p.feed.end()
}

func (p *path) part(part string) string { return p.name + part }

// publishing says how the lane is.
func (p *path) publishing(trouble *Error) {
	p.health.set(p.part("publish"), trouble)
	if trouble == nil {
		p.probe.hurry()
	}
}

// lost says that nothing is heard; only the probe says that it is again.
func (p *path) lost(trouble *Error) {
	p.health.set(p.part("subscribe"), trouble)
	p.probe.giveUp()
}

// restored lets the probe find out at once.
func (p *path) restored() { p.probe.hurry() }

// run runs everything until ctx ends.
func (p *path) run(ctx context.Context) {
	var running sync.WaitGroup
	running.Go(func() { p.lane.run(ctx) })
	running.Go(func() { p.feed.run(ctx) })
	running.Go(func() { p.runProbe(ctx) })
	running.Wait()
}
