package bridge

import (
	"context"

	"github.com/seed52a35d2d/realtime-server/internal/redisbus"
	"github.com/seed52a35d2d/realtime-server/sio/nodewire"
)

// sharded is the dialect of createShardedAdapter.
type sharded struct {
	bridge *Bridge
	mode   nodewire.Mode
}

func (s *sharded) channels(namespace string) nodewire.ShardedChannels {
	return nodewire.ShardedChannels{Prefix: s.bridge.Config.Prefix, Namespace: namespace, Mode: s.mode}
}

// ours is the channel that only our nodes listen to. It is none of a room, which
// would end in "#".
func (s *sharded) ours(namespace string) string { return s.channels(namespace).All() + "realtime" }

// listen has the order of classic.listen.
func (s *sharded) listen(namespace string) []*redisbus.Subscription {
	foreign, channels := s.bridge.Foreign, s.channels(namespace)
	return []*redisbus.Subscription{
		foreign.SSubscribe(channels.To(s.bridge.uid), s.bridge.hearAnswer),
		foreign.SSubscribe(channels.All(), s.hear(namespace)),
		foreign.SSubscribe(s.ours(namespace), nobody),
	}
}

func (s *sharded) forget(namespace string) {
	foreign, channels := s.bridge.Foreign, s.channels(namespace)
	foreign.SUnsubscribe(s.ours(namespace))
	foreign.SUnsubscribe(channels.All())
	foreign.SUnsubscribe(channels.To(s.bridge.uid))
}

func (s *sharded) listenRoom(namespace, room string) *redisbus.Subscription {
	channel, ok := s.channels(namespace).Room(room)
	if !ok {
		return nil
	}
	return s.bridge.Foreign.SSubscribe(channel, s.hear(namespace))
}

func (s *sharded) forgetRoom(namespace, room string) {
	if channel, ok := s.channels(namespace).Room(room); ok {
		s.bridge.Foreign.SUnsubscribe(channel)
	}
}

func (s *sharded) encode(m *nodewire.Message) ([]byte, error) { return nodewire.AppendSharded(nil, m) }

func (s *sharded) publish(ctx context.Context, namespace string, m *nodewire.Message, to string, payload []byte) error {
	_, err := s.bridge.Foreign.SPublish(ctx, s.channels(namespace).Publish(m, to), payload)
	return err
}

func (s *sharded) servers(ctx context.Context, namespace string) (int, error) {
	return servers(s.bridge.Foreign.SSubscribers(ctx, s.ours(namespace), s.channels(namespace).All()))
}

func (s *sharded) answer(payload []byte) (*nodewire.Message, error) {
	return nodewire.DecodeSharded(payload, nodewire.DefaultLimits())
}

// hear takes what goes to all servers, or to those with members of a room.
func (s *sharded) hear(namespace string) redisbus.Handler {
	return func(_ string, payload []byte) {
		if nodewire.FromUs(payload) {
			return
		}
		m, err := nodewire.DecodeSharded(payload, nodewire.DefaultLimits())
		s.bridge.hear(namespace, m, len(payload), err)
	}
}
