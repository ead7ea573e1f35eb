package cluster

import (
	"log/slog"

	"google.golang.org/protobuf/proto"

	clusterv1 "github.com/seed52a35d2d/realtime-server/gen/realtime/cluster/v1"
)

// receive takes a message of a channel. Those of one channel come one after
// another, so that calls are done in the order in which they were made.
func (c *Cluster) receive(channel string, payload []byte) {
	m := &clusterv1.Message{}
	if err := proto.Unmarshal(payload, m); err != nil {
		c.metrics.garbled.Inc()
		c.Log.Warn("a message of another node cannot be read", slog.String("kind", kindOf(channel)), slog.Any("error", err))
		return
	}
	if m.GetGeneration() == c.Self().Generation { // whatever the tag was then
		if a := c.asked.find(m.GetCall().GetId()); a != nil {
			a.echo()
		}
		return // it was done before it was published
	}
	c.metrics.received.WithLabelValues(kindOf(channel)).Inc()
	c.heard.note(sender{m.GetTag(), m.GetGeneration(), channel}, m.GetSequence())
	switch body := m.GetBody().(type) {
	case *clusterv1.Message_Call:
		c.do(m, body.Call)
	case *clusterv1.Message_Reply:
		c.take(m.GetTag(), body.Reply)
	case *clusterv1.Message_Attached:
		c.hear(m, body.Attached)
	}
}

// take gives a reply to whoever waits for it.
func (c *Cluster) take(from string, r *clusterv1.Reply) {
	a := c.asked.find(r.GetCall())
	if a == nil || !a.put(from, r) {
		c.metrics.repliesLost.Inc()
	}
}

// do does a call of another node.
func (c *Cluster) do(m *clusterv1.Message, call *clusterv1.Call) {
	reply, later := c.Node.Do(call)
	if call.GetId() == 0 {
		return
	}
	to := answer{channel: ofNode(m.GetTag()), call: call, reply: reply, later: later}
	if !c.replies.put(to) {
		c.metrics.repliesLost.Inc()
	}
}
