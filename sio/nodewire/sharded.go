package nodewire

import "github.com/seed52a35d2d/realtime-server/sio/parser"

// The types of sharded messages, by their names in socket.io-adapter. Others
// are heartbeats, which this adapter has none of.
const (
	shardedBroadcast = iota + 3
	shardedSocketsJoin
	shardedSocketsLeave
	shardedDisconnectSockets
	shardedFetchSockets
	shardedFetchSocketsResponse
	shardedServerSideEmit
	shardedServerSideEmitResponse
	shardedBroadcastClientCount
	shardedBroadcastAck
	shardedAdapterClose
)

// DecodeSharded reads what came on a channel of ShardedChannels:
// {type, data, uid, nsp}. The message aliases msg.
func DecodeSharded(msg []byte, l Limits) (*Message, error) {
	text, r, err := open(msg, l)
	if err != nil {
		return nil, err
	}
	f := r.pick(text, "type", "data", "uid", "nsp")
	m := &Message{UID: r.text(f[2]), Namespace: r.text(f[3])}
	r.sharded(r.count(f[0]), f[1], m)
	return r.done(m)
}

func (r *reader) sharded(kind int, data []byte, m *Message) {
	f := r.pick(data, "requestId", "opts", "rooms", "close", "packet", "sockets", "clientCount")
	m.RequestID = r.text(f[0])
	opts, rooms, packet := f[1], f[2], f[4]
	switch kind {
	case shardedBroadcast:
		m.Kind, m.Options = Broadcast, r.options(opts)
		r.packet(packet, m)
	case shardedSocketsJoin:
		m.Kind, m.Options, m.Rooms = Join, r.options(opts), r.names(rooms)
	case shardedSocketsLeave:
		m.Kind, m.Options, m.Rooms = Leave, r.options(opts), r.names(rooms)
	case shardedDisconnectSockets:
		m.Kind, m.Options, m.Close = Disconnect, r.options(opts), truthy(f[3])
	case shardedFetchSockets:
		m.Kind, m.Options = Fetch, r.options(opts)
	case shardedFetchSocketsResponse:
		m.Kind, m.Sockets = FetchAnswer, r.sockets(f[5])
	case shardedServerSideEmit:
		m.Kind = ServerSideEmit
		m.Name, m.Args = r.event(packet)
	case shardedServerSideEmitResponse:
		m.Kind, m.Args = ServerSideAnswer, r.answer(packet)
	case shardedBroadcastClientCount:
		m.Kind, m.Count = AckCount, r.count(f[6])
	case shardedBroadcastAck:
		m.Kind, m.Args = Ack, r.answer(packet)
	case shardedAdapterClose:
		m.Kind = Closed
	default:
		r.fail(ErrType)
	}
}

// AppendSharded appends a message in the sharded dialect: as MessagePack if
// there are bytes. There is no SocketID here: a socket's id is one of
// Options.Rooms. The error is ErrKind, ErrLimit or a *parser.ArgError.
func AppendSharded(dst []byte, m *Message) ([]byte, error) {
	if m.SocketID != "" {
		return nil, ErrKind
	}
	w := newWriter(m)
	w.raw("{").sender(m.UID).key("nsp").text(m.Namespace).sharded(m)
	w.raw("}")
	return w.appendTo(dst, true)
}

// sharded writes the type and data of a message.
func (w *writer) sharded(m *Message) {
	switch m.Kind {
	case Broadcast:
		w.data(shardedBroadcast, m).key("packet").shardedPacket(m).key("opts").options(&m.Options, true)
	case Join:
		w.data(shardedSocketsJoin, m).key("opts").options(&m.Options, true).change(m)
	case Leave:
		w.data(shardedSocketsLeave, m).key("opts").options(&m.Options, true).change(m)
	case Disconnect:
		w.data(shardedDisconnectSockets, m).key("opts").options(&m.Options, true).change(m)
	case Fetch:
		w.data(shardedFetchSockets, m).key("opts").options(&m.Options, true)
	case FetchAnswer:
		w.data(shardedFetchSocketsResponse, m).key("sockets").sockets(m.Sockets)
	case ServerSideEmit:
		w.data(shardedServerSideEmit, m).key("packet").event(m)
	case ServerSideAnswer:
		w.data(shardedServerSideEmitResponse, m).answer("packet", m.Args)
	case AckCount:
		w.data(shardedBroadcastClientCount, m).key("clientCount").number(int64(m.Count))
	case Ack:
		w.data(shardedBroadcastAck, m).answer("packet", m.Args)
	case Closed:
		w.data(shardedAdapterClose, m)
	default:
		w.err = ErrKind
		return
	}
	w.raw("}")
}

// data writes the type of a message, and begins its data.
func (w *writer) data(kind int64, m *Message) *writer {
	return w.kind(kind).key("data").raw("{").request(m.RequestID)
}

func (w *writer) shardedPacket(m *Message) *writer {
	return w.raw("{").kind(int64(parser.Event)).key("data").event(m).raw("}")
}
