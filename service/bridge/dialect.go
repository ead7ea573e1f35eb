package bridge

import (
	"context"

	"github.com/seed52a35d2d/realtime-server/internal/redisbus"
	"github.com/seed52a35d2d/realtime-server/sio/nodewire"
)

// dialect is a way in which Node's servers speak to each other.
type dialect interface {
	// listen subscribes to what a namespace's servers say to all, and to us.
	listen(namespace string) []*redisbus.Subscription
	// forget ends listen.
	forget(namespace string)
	// listenRoom subscribes to what is said to a room, or to a socket, which has
	// a room for itself; it returns nil if that needs no subscription.
	listenRoom(namespace, room string) *redisbus.Subscription
	// forgetRoom ends listenRoom.
	forgetRoom(namespace, room string)
	// encode writes a message.
	encode(m *nodewire.Message) ([]byte, error)
	// publish sends a message where it belongs in a namespace: answers to the
	// UID that has asked.
	publish(ctx context.Context, namespace string, m *nodewire.Message, to string, payload []byte) error
	// servers counts Node's servers in a namespace.
	servers(ctx context.Context, namespace string) (int, error)
	// answer reads an answer.
	answer(payload []byte) (*nodewire.Message, error)
}

// nobody hears nothing: that somebody listens is all that the channel is for.
// Node's servers are those that listen to requests, less those of ours that do,
// and these listen to a channel of their own besides.
func nobody(string, []byte) {}

// servers are Node's, where so many connections of ours listen, and so many hear
// requests.
func servers(counts []int, err error) (int, error) {
	if err != nil {
		return 0, err
	}
	return max(0, counts[1]-counts[0]), nil
}
