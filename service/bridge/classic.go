package bridge

import (
	"context"

	"github.com/seed52a35d2d/realtime-server/internal/redisbus"
	"github.com/seed52a35d2d/realtime-server/sio/nodewire"
)

// classic is the dialect of createAdapter and of the emitter.
type classic struct{ bridge *Bridge }

func (c *classic) channels(namespace string) nodewire.ClassicChannels {
	return nodewire.ClassicChannels{Prefix: c.bridge.Config.Prefix, Namespace: namespace}
}

// ours is the channel that only our nodes listen to.
func (c *classic) ours(namespace string) string {
	return c.bridge.Config.Prefix + "-realtime#" + namespace + "#"
}

// listen has the order in which a node of ours that has not got all of it yet is
// taken for one of Node's too many, and not for one too few.
func (c *classic) listen(namespace string) []*redisbus.Subscription {
	foreign, channels := c.bridge.Foreign, c.channels(namespace)
	return []*redisbus.Subscription{
		foreign.Subscribe(channels.Responses(), c.bridge.hearAnswer),
		foreign.Subscribe(channels.ResponsesTo(c.bridge.uid), c.bridge.hearAnswer),
		foreign.PSubscribe(channels.Pattern(), func(channel string, payload []byte) {
			c.hearBroadcast(namespace, channel, payload)
		}),
		foreign.Subscribe(channels.Requests(), func(_ string, payload []byte) { c.hearRequest(namespace, payload) }),
		foreign.Subscribe(c.ours(namespace), nobody),
	}
}

func (c *classic) forget(namespace string) {
	foreign, channels := c.bridge.Foreign, c.channels(namespace)
	foreign.Unsubscribe(c.ours(namespace))
	foreign.Unsubscribe(channels.Requests())
	foreign.PUnsubscribe(channels.Pattern())
	foreign.Unsubscribe(channels.ResponsesTo(c.bridge.uid))
	foreign.Unsubscribe(channels.Responses())
}

// listenRoom has nothing to do: all that is said to rooms is heard anyway.
func (c *classic) listenRoom(string, string) *redisbus.Subscription { return nil }

func (c *classic) forgetRoom(string, string) {}

func (c *classic) encode(m *nodewire.Message) ([]byte, error) { return nodewire.AppendClassic(nil, m) }

func (c *classic) publish(ctx context.Context, namespace string, m *nodewire.Message, _ string, payload []byte) error {
	_, err := c.bridge.Foreign.Publish(ctx, c.channels(namespace).Publish(m), payload)
	return err
}

func (c *classic) servers(ctx context.Context, namespace string) (int, error) {
	return servers(c.bridge.Foreign.Subscribers(ctx, c.ours(namespace), c.channels(namespace).Requests()))
}

func (c *classic) answer(payload []byte) (*nodewire.Message, error) {
	return nodewire.DecodeClassicResponse(payload, nodewire.DefaultLimits())
}

// hearBroadcast takes an event of the channels of broadcasts. One for a single
// room that has no member here need not be read.
func (c *classic) hearBroadcast(namespace, channel string, payload []byte) {
	room, ok := c.channels(namespace).Room(channel)
	if !ok || nodewire.FromUs(payload) || room != "" && !c.bridge.has(namespace, room) {
		return
	}
	m, err := nodewire.DecodeClassicBroadcast(payload, nodewire.DefaultLimits())
	c.bridge.hear(namespace, m, len(payload), err)
}

// hearRequest takes what is asked of all servers.
func (c *classic) hearRequest(namespace string, payload []byte) {
	if nodewire.FromUs(payload) {
		return
	}
	m, err := nodewire.DecodeClassicRequest(payload, nodewire.DefaultLimits())
	if err == nil && m.Kind != nodewire.Broadcast {
		m.Namespace = namespace // of the others the channel says it
	}
	c.bridge.hear(namespace, m, len(payload), err)
}
