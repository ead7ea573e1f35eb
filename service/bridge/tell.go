package bridge

import (
	"context"

	clusterv1 "github.com/seed52a35d2d/realtime-server/gen/realtime/cluster/v1"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/service/cluster"
	"github.com/seed52a35d2d/realtime-server/sio/nodewire"
)

// Tell has Node's servers do a call. Whom it is for, the call itself says. The
// error says that they may not have got it.
func (b *Bridge) Tell(ctx context.Context, _ cluster.Audience, call *clusterv1.Call) error {
	namespace, messages := b.messages(call)
	for _, m := range messages {
		if err := b.publish(ctx, namespace, m, ""); err != nil {
			return err
		}
	}
	return nil
}

// messages say in Node's words what a call wants of it, in this order. There are
// none if the call concerns nobody that Node could have.
func (b *Bridge) messages(call *clusterv1.Call) (namespace string, messages []*nodewire.Message) {
	switch r := call.GetRequest().(type) {
	case *clusterv1.Call_Send:
		return b.forTarget(r.Send.GetTarget(), func(o nodewire.Options) []*nodewire.Message {
			return []*nodewire.Message{broadcastOf(r.Send.GetEvent(), o)}
		})
	case *clusterv1.Call_Broadcast:
		namespace := namespaceOf(r.Broadcast.GetNamespace())
		return namespace, []*nodewire.Message{broadcastOf(r.Broadcast.GetEvent(), everyone(r.Broadcast))}
	case *clusterv1.Call_JoinRoom:
		return b.forTarget(r.JoinRoom.GetTarget(), func(o nodewire.Options) []*nodewire.Message {
			return []*nodewire.Message{{Kind: nodewire.Join, Options: o, Rooms: r.JoinRoom.GetRooms()}}
		})
	case *clusterv1.Call_LeaveRoom:
		return b.forTarget(r.LeaveRoom.GetTarget(), func(o nodewire.Options) []*nodewire.Message {
			return []*nodewire.Message{{Kind: nodewire.Leave, Options: o, Rooms: r.LeaveRoom.GetRooms()}}
		})
	case *clusterv1.Call_Disconnect:
		return b.forTarget(r.Disconnect.GetTarget(), func(o nodewire.Options) []*nodewire.Message {
			return endings(r.Disconnect, o)
		})
	}
	return "", nil
}

// forTarget says something in Node's words about a target, unless that is nobody
// that Node could have.
func (b *Bridge) forTarget(
	t *realtimev1.Target, say func(nodewire.Options) []*nodewire.Message,
) (namespace string, messages []*nodewire.Message) {
	o, anybody := b.optionsOf(t)
	if !anybody {
		return "", nil
	}
	return namespaceOf(t.GetNamespace()), say(o)
}

// endings end connections after a last event. Node's clients always learn that
// the server has ended them, and stay away; other namespaces of theirs go on.
func endings(req *realtimev1.DisconnectRequest, o nodewire.Options) []*nodewire.Message {
	var messages []*nodewire.Message
	if req.GetLastEvent() != nil {
		messages = append(messages, broadcastOf(req.GetLastEvent(), o))
	}
	return append(messages, &nodewire.Message{Kind: nodewire.Disconnect, Options: o})
}

// publish sends a message of ours. What the dialect cannot say is counted, and no
// error: nothing would make it better. The error says that nobody may have got
// the message.
func (b *Bridge) publish(ctx context.Context, namespace string, m *nodewire.Message, to string) error {
	m.UID, m.Namespace = b.uid, namespace
	payload, err := b.dialect.encode(m)
	if err != nil {
		b.metrics.unsaid.Inc()
		if b.troubles.first(unsaid) {
			b.logUnsaid(ctx, m.Kind, err)
		}
		return nil
	}
	if err := b.dialect.publish(ctx, namespace, m, to, payload); err != nil {
		return err
	}
	b.metrics.sent.WithLabelValues(m.Kind.String()).Inc()
	return nil
}

// Ask has Node's servers do a call, and tells what they answer. How many got what
// they were only told, Node does not say, so that they do not count as asked
// then. Servers that do not answer in time are no error, but what Coverage tells.
func (b *Bridge) Ask(ctx context.Context, q cluster.Asking) (cluster.Coverage, error) {
	switch r := q.Call.GetRequest().(type) {
	case *clusterv1.Call_SendWithAck:
		return b.askForAcks(ctx, q, r.SendWithAck)
	case *clusterv1.Call_GetConnection, *clusterv1.Call_ListConnections, *clusterv1.Call_ListRooms, *clusterv1.Call_CountConnections:
		return b.fetchFor(ctx, q)
	default:
		return cluster.Coverage{}, b.Tell(ctx, q.To, q.Call)
	}
}
