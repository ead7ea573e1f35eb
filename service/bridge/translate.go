package bridge

import (
	"slices"

	"github.com/seed52a35d2d/realtime-server/authn/wire"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/sio"
	"github.com/seed52a35d2d/realtime-server/sio/nodewire"
)

// namespaceOf is the namespace that a request means.
func namespaceOf(name string) string {
	if name == "" {
		return "/"
	}
	return name
}

// optionsOf says in Node's words whom a target means; false if that is nobody
// that Node could have. It has no users, and no connections that are here.
func (b *Bridge) optionsOf(t *realtimev1.Target) (o nodewire.Options, anybody bool) {
	o.Rooms = slices.Clone(t.GetRooms())
	ns, known := b.Sockets.Namespace(namespaceOf(t.GetNamespace()))
	for _, id := range t.GetConnectionIds() {
		here := false
		if known {
			_, here = ns.Socket(id)
		}
		if !here {
			o.Rooms = append(o.Rooms, id)
		}
	}
	o.Except = slices.Concat(t.GetExceptRooms(), t.GetExceptConnectionIds())
	return o, len(o.Rooms) > 0
}

// everyone says in Node's words whom a broadcast means.
func everyone(req *realtimev1.BroadcastRequest) nodewire.Options {
	return nodewire.Options{Everyone: true, Except: slices.Concat(req.GetExceptRooms(), req.GetExceptConnectionIds())}
}

// broadcastOf is an event in Node's words. The request was checked before. That
// it expires, Node cannot be told.
func broadcastOf(e *realtimev1.Event, o nodewire.Options) *nodewire.Message {
	o.Flags = nodewire.Flags{Volatile: e.GetVolatile(), Plain: wire.Plain(e)}
	m := &nodewire.Message{Kind: nodewire.Broadcast, Options: o, Name: e.GetName()}
	for _, message := range e.GetArgs() {
		arg, err := wire.Arg(message)
		if err != nil {
			arg.JSON = []byte("null") // it was checked
		}
		m.Args = append(m.Args, sio.Arg(arg))
	}
	return m
}

// targetOf is whom Node's words mean here. A name is that of a room or the id of
// a socket.
func targetOf(o *nodewire.Options) sio.Target {
	return sio.Target{
		Everyone:    o.Everyone,
		Rooms:       o.Rooms,
		IDs:         ids(o.Rooms),
		ExceptRooms: o.Except,
		ExceptIDs:   ids(o.Except),
	}
}

// ids are those of the names that could be ids.
func ids(names []string) (found []string) {
	for _, name := range names {
		if sio.TagOf(name) != "" {
			found = append(found, name)
		}
	}
	return found
}

// eventOf is the event of a broadcast.
func eventOf(m *nodewire.Message) *sio.Event {
	return &sio.Event{Name: m.Name, Args: m.Args, Volatile: m.Options.Flags.Volatile, Plain: m.Options.Flags.Plain}
}
