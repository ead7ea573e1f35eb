package bridge

import (
	"context"
	"errors"
	"sync"

	clusterv1 "github.com/seed52a35d2d/realtime-server/gen/realtime/cluster/v1"
	"github.com/seed52a35d2d/realtime-server/service/cluster"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// Peers are those whom this node tells and asks.
type Peers interface {
	Tell(ctx context.Context, to cluster.Audience, call *clusterv1.Call) error
	Ask(ctx context.Context, q cluster.Asking) (cluster.Coverage, error)
	Settle(ctx context.Context, groups ...sio.Group)
}

// Together are our own nodes and Node's servers, asked at the same time.
type Together struct {
	Own    Peers // the nodes
	Bridge Peers // Node's servers
}

// Tell tells both.
func (t Together) Tell(ctx context.Context, to cluster.Audience, call *clusterv1.Call) error {
	var bridged error
	var telling sync.WaitGroup
	telling.Go(func() { bridged = t.Bridge.Tell(ctx, to, call) })
	own := t.Own.Tell(ctx, to, call)
	telling.Wait()
	return errors.Join(own, bridged)
}

// Ask asks both, and puts together what they reply.
func (t Together) Ask(ctx context.Context, q cluster.Asking) (cluster.Coverage, error) {
	both := &merge{asking: q, nodes: [2]int{unknown, unknown}}
	var covered [2]cluster.Coverage
	var failed [2]error
	var asking sync.WaitGroup
	for side, peers := range []Peers{t.Own, t.Bridge} {
		asking.Go(func() {
			covered[side], failed[side] = peers.Ask(ctx, both.side(side))
			both.end(side)
		})
	}
	asking.Wait()
	return cluster.Coverage{
		Asked:    covered[0].Asked + covered[1].Asked,
		Answered: covered[0].Answered + covered[1].Answered,
	}, errors.Join(failed[0], failed[1])
}

// Settle waits until both reach this node.
func (t Together) Settle(ctx context.Context, groups ...sio.Group) {
	t.Own.Settle(ctx, groups...)
	t.Bridge.Settle(ctx, groups...)
}

// unknown is a number of nodes that a side has not told yet.
const unknown = -1

// merge makes one Asking of two sides.
type merge struct {
	asking cluster.Asking

	mu    sync.Mutex // held while the caller is told: it is told one thing after another
	nodes [2]int
}

// side is what one side is asked.
func (m *merge) side(side int) cluster.Asking {
	q := m.asking
	q.Take = func(from string, r *clusterv1.Reply) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.asking.Take(from, r)
	}
	if q.Nodes != nil {
		q.Nodes = func(n int) { m.count(side, n) }
	}
	return q
}

// count notes how many nodes of one side have got the call. The caller has no use
// for a sum that lacks the other side's.
func (m *merge) count(side, n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.nodes[side] = n
	if m.nodes[0] != unknown && m.nodes[1] != unknown {
		m.asking.Nodes(m.nodes[0] + m.nodes[1])
	}
}

// end notes that a side has nothing more to say: not having told is none.
func (m *merge) end(side int) {
	m.mu.Lock()
	n := m.nodes[side]
	m.mu.Unlock()
	if m.asking.Nodes != nil && n == unknown {
		m.count(side, 0)
	}
}
