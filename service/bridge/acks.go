package bridge

import (
	"context"
	"time"

	clusterv1 "github.com/seed52a35d2d/realtime-server/gen/realtime/cluster/v1"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/service/cluster"
	"github.com/seed52a35d2d/realtime-server/sio/nodewire"
)

// askForAcks delivers an event to the clients of Node's servers, and tells what
// they acknowledge until their time is over.
func (b *Bridge) askForAcks(ctx context.Context, q cluster.Asking, req *realtimev1.SendWithAckRequest) (cluster.Coverage, error) {
	o, anybody := b.optionsOf(req.GetTarget())
	if !anybody {
		return cluster.Coverage{}, nil
	}
	timeout := inTime(ctx, req.GetTimeout().AsDuration())
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	namespace := namespaceOf(req.GetTarget().GetNamespace())
	listening := b.hold(namespace)
	defer b.release(namespace)
	wait(ctx, listening) // or this node could count as one of Node's
	n, err := b.dialect.servers(ctx, namespace)
	if err != nil || n == 0 {
		return cluster.Coverage{Asked: n}, err
	}
	if q.Nodes != nil {
		q.Nodes(n)
	}
	m := broadcastOf(req.GetEvent(), o)
	m.Options.Flags.Timeout = timeout
	return b.gather(ctx, namespace, m, newTally(n, q.Take))
}

// inTime leaves a tenth of the call's time for the results to travel.
func inTime(ctx context.Context, timeout time.Duration) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		left := time.Until(deadline)
		timeout = min(timeout, left-left/10)
	}
	return timeout
}

// gather asks for acknowledgements until all have come, or ctx ends.
func (b *Bridge) gather(ctx context.Context, namespace string, m *nodewire.Message, t *tally) (cluster.Coverage, error) {
	r := b.requests.begin()
	defer b.requests.end(r)
	m.RequestID = r.id
	if err := b.publish(ctx, namespace, m, ""); err != nil {
		return t.coverage(), err
	}
	b.await(ctx, awaited{
		request: r, namespace: namespace,
		enough:  t.complete,
		servers: t.recount,
		take: func(m *nodewire.Message, size int) {
			switch {
			case m.Kind == nodewire.AckCount && m.Count <= maxPromised:
				t.promise(m.Count)
			case m.Kind == nodewire.Ack:
				if !t.ack(m.Args, size) {
					b.metrics.answersLost.Inc()
				}
			default:
				b.garbled(ctx, nodewire.ErrLimit)
			}
		},
	})
	if !t.complete() {
		b.metrics.partial.Inc()
	}
	t.end()
	return t.coverage(), nil
}

// maxPromised is how many clients one server can have asked. Each that does not
// answer is told of, so a number that is no number of clients would cost memory.
const maxPromised = 1 << 20

func ackReply(from string, take func(string, *clusterv1.Reply), result *realtimev1.SendWithAckResponse) {
	take(from, &clusterv1.Reply{Response: &clusterv1.Reply_Ack{Ack: result}, More: true})
}
