package bridge

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/seed52a35d2d/realtime-server/sio"
	"github.com/seed52a35d2d/realtime-server/sio/nodewire"
)

// answer answers a message, once there is time. What it says is found out then.
// Without room in the queue this node is silent.
func (b *Bridge) answer(h heard, say func(context.Context) *nodewire.Message) {
	b.queue.put(h.size, func(ctx context.Context) { b.reply(ctx, h, say(ctx)) })
}

// reply sends an answer to who has sent a message.
func (b *Bridge) reply(ctx context.Context, h heard, m *nodewire.Message) {
	m.RequestID = h.m.RequestID
	if err := b.publish(ctx, h.ns.Name(), m, h.m.UID); err != nil {
		b.metrics.answersLost.Inc()
	}
}

// answerAbout answers what is asked about sockets and rooms here.
func (b *Bridge) answerAbout(h heard) {
	b.answer(h, func(ctx context.Context) *nodewire.Message {
		switch h.m.Kind {
		case nodewire.Fetch:
			return &nodewire.Message{Kind: nodewire.FetchAnswer, Sockets: b.sockets(ctx, h)}
		case nodewire.SocketIDs:
			return &nodewire.Message{Kind: nodewire.SocketIDsAnswer, Sockets: b.socketIDs(ctx, h)}
		default:
			return &nodewire.Message{Kind: nodewire.AllRoomsAnswer, Rooms: b.rooms(ctx, h)}
		}
	})
}

// How long clients have to acknowledge what Node's servers want acknowledged: as
// long as these say, if they do, but not for ever.
const (
	defaultAckTimeout = 10 * time.Second
	maxAckTimeout     = 10 * time.Minute
)

// maxAtOnce is how many acknowledgements of one event are on their way to Redis
// at a time.
const maxAtOnce = 16

// deliverAsking delivers an event, says how many clients were asked, and tells
// what they acknowledge. Where that would be too much, nobody is asked, and this
// is said: who has asked need not wait then.
func (b *Bridge) deliverAsking(ctx context.Context, h heard) {
	timeout := h.m.Options.Flags.Timeout
	if timeout == 0 {
		timeout = defaultAckTimeout
	}
	if !b.queue.beginLong() {
		b.refuseAsking(h)
		return
	}
	acks, err := h.ns.EmitWithAck(targetOf(&h.m.Options), eventOf(h.m), min(timeout, maxAckTimeout))
	switch {
	case err == nil:
		b.queue.long(func(ctx context.Context) { b.relay(ctx, h, acks) })
		return
	case errors.Is(err, sio.ErrTooManyAcks):
		b.refuseAsking(h)
	default:
		b.garbled(ctx, err)
	}
	b.queue.endLong()
}

func (b *Bridge) refuseAsking(h heard) {
	b.metrics.refused.WithLabelValues(tooManyAcks).Inc()
	b.answer(h, func(context.Context) *nodewire.Message { return &nodewire.Message{Kind: nodewire.AckCount} })
}

// relay tells how many clients were asked, and what they acknowledge. Those that
// do not are not spoken of.
func (b *Bridge) relay(ctx context.Context, h heard, acks *sio.Acks) {
	defer acks.Close()
	b.reply(ctx, h, &nodewire.Message{Kind: nodewire.AckCount, Count: acks.Matched})
	var telling errgroup.Group
	telling.SetLimit(maxAtOnce)
	for {
		ack, err := acks.Next(ctx)
		if err != nil { // that was the last one, or the bridge ends
			break
		}
		if ack.Outcome == sio.AckAnswered {
			telling.Go(func() error {
				b.reply(ctx, h, &nodewire.Message{Kind: nodewire.Ack, Args: ack.Args})
				return nil
			})
		}
	}
	_ = telling.Wait() // there is no error
}
