package cluster

import (
	"context"
	"errors"

	clusterv1 "github.com/seed52a35d2d/realtime-server/gen/realtime/cluster/v1"
	"github.com/seed52a35d2d/realtime-server/internal/redisbus"
)

// Attached hears what other nodes say about backends that dial out.
type Attached interface {
	// Hear takes one message. Tag is where its node is reached; life is a number
	// that no other process has. It must not wait.
	Hear(tag string, life int64, m *clusterv1.Attached)
}

// hear hands on what another node has said.
func (c *Cluster) hear(m *clusterv1.Message, said *clusterv1.Attached) {
	if c.Attached != nil {
		c.Attached.Hear(m.GetTag(), m.GetGeneration(), said)
	}
}

// FollowGroup makes this node hear what is said to a group of workers.
func (c *Cluster) FollowGroup(group string) { c.Bus.Subscribe(ofGroup(group), c.receive) }

// TellGroup tells all nodes that follow a group of workers.
func (c *Cluster) TellGroup(ctx context.Context, group string, m *clusterv1.Attached) error {
	_, err := c.publish(ctx, ofGroup(group), attached(m))
	return err
}

// TellNode tells one node, by its tag. After an error the node may have heard it
// nevertheless.
func (c *Cluster) TellNode(ctx context.Context, tag string, m *clusterv1.Attached) (heard bool, err error) {
	receivers, err := c.publish(ctx, ofNode(tag), attached(m))
	if errors.Is(err, redisbus.ErrOverloaded) { // it was not sent
		return false, nil
	}
	return receivers > 0, err
}

func attached(m *clusterv1.Attached) *clusterv1.Message {
	return &clusterv1.Message{Body: &clusterv1.Message_Attached{Attached: m}}
}
