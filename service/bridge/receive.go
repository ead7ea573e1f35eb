package bridge

import (
	"context"
	"log/slog"

	"github.com/seed52a35d2d/realtime-server/authn"
	"github.com/seed52a35d2d/realtime-server/sio"
	"github.com/seed52a35d2d/realtime-server/sio/nodewire"
)

// heard is a message of one of Node's servers, or of the emitter.
type heard struct {
	ns   *sio.Namespace
	m    *nodewire.Message
	size int // bytes, as it came
}

// hear takes a message of a namespace's channels, or the error that it cannot be
// read. Messages of one channel come one after another, so that what they ask for
// is done in the order in which it was asked.
func (b *Bridge) hear(namespace string, m *nodewire.Message, size int, err error) {
	ctx := context.Background() // what it starts ends with the bridge
	if err != nil {
		b.garbled(ctx, err)
		return
	}
	b.metrics.received.WithLabelValues(m.Kind.String()).Inc()
	ns, known := b.Sockets.Namespace(namespace)
	switch {
	case nodewire.Ours(m.UID): // our nodes tell each other
	case m.Namespace != namespace || !known:
		b.metrics.ignored.WithLabelValues(otherNamespace).Inc()
	default:
		b.do(ctx, heard{ns, m, size})
	}
}

// do does what a message asks for.
func (b *Bridge) do(ctx context.Context, h heard) {
	switch h.m.Kind {
	case nodewire.Broadcast:
		if h.m.RequestID == "" {
			b.deliver(ctx, h)
		} else {
			b.deliverAsking(ctx, h)
		}
	case nodewire.Join, nodewire.Leave, nodewire.Disconnect:
		b.change(ctx, h)
	case nodewire.Fetch, nodewire.AllRooms, nodewire.SocketIDs:
		b.answerAbout(h)
	case nodewire.ServerSideEmit:
		b.metrics.ignored.WithLabelValues(serverSideEmit).Inc()
		if h.m.RequestID != "" { // it is waited for; there is nothing to say
			b.answer(h, func(context.Context) *nodewire.Message { return &nodewire.Message{Kind: nodewire.ServerSideAnswer} })
		}
	case nodewire.Closed: // the next count of servers knows
	default: // answers have channels of their own
		b.metrics.ignored.WithLabelValues(unexpected).Inc()
	}
}

// deliver delivers an event to the sockets here, as Send does.
func (b *Bridge) deliver(ctx context.Context, h heard) {
	if h.m.Options.Flags.Local {
		b.metrics.ignored.WithLabelValues(unexpected).Inc()
		return
	}
	if _, err := h.ns.Emit(targetOf(&h.m.Options), eventOf(h.m)); err != nil { //nolint:contextcheck // an event is accepted or not, whoever waits
		b.garbled(ctx, err)
	}
}

// change makes sockets here join or leave rooms, or ends them.
func (b *Bridge) change(ctx context.Context, h heard) {
	target := targetOf(&h.m.Options)
	if id := h.m.SocketID; id != "" {
		if _, here := h.ns.Socket(id); !here {
			return
		}
		target = sio.Target{IDs: []string{id}}
	}
	switch h.m.Kind {
	case nodewire.Join:
		if _, refused := h.ns.Join(target, b.named(ctx, h.m.Rooms)); refused > 0 {
			b.metrics.refused.WithLabelValues(tooManyRooms).Add(float64(refused))
		}
	case nodewire.Leave:
		h.ns.Leave(target, h.m.Rooms)
	default:
		_, _ = h.ns.Disconnect(target, sio.Disconnect{}) // only a last event can be at fault
	}
	if h.m.SocketID != "" && h.m.RequestID != "" {
		b.answer(h, func(context.Context) *nodewire.Message { return &nodewire.Message{Kind: nodewire.Done} })
	}
}

// named are those of the rooms whose names are such as the API takes.
func (b *Bridge) named(ctx context.Context, rooms []string) (good []string) {
	for _, room := range rooms {
		if err := authn.CheckName(room); err != nil {
			b.metrics.refused.WithLabelValues(badName).Inc()
			if b.troubles.first(badRoom) {
				b.Log.LogAttrs(ctx, slog.LevelWarn, "a server of Node's wants connections in a room that cannot be; this is told once",
					slog.String("error", err.Error()))
			}
			continue
		}
		good = append(good, room)
	}
	return good
}
