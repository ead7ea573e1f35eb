package nodewire

import "github.com/seed52a35d2d/realtime-server/sio/parser"

// The types of classic requests and answers, by their names in redis-adapter.
const (
	classicSockets = iota
	classicAllRooms
	classicRemoteJoin
	classicRemoteLeave
	classicRemoteDisconnect
	classicRemoteFetch
	classicServerSideEmit
	classicBroadcast
	classicBroadcastClientCount
	classicBroadcastAck
)

// DecodeClassicBroadcast reads what came on a channel of ClassicChannels.Pattern:
// [uid, packet, options]. Classic functions that read alias msg.
func DecodeClassicBroadcast(msg []byte, l Limits) (*Message, error) {
	text, r, err := open(msg, l)
	if err != nil {
		return nil, err
	}
	var parts [3][]byte
	n := 0
	if !parser.Elements(text, func(v []byte) {
		if n < len(parts) {
			parts[n] = v
		}
		n++
	}) {
		return nil, ErrFormat
	}
	m := &Message{Kind: Broadcast, UID: r.text(parts[0]), Options: r.options(parts[2])}
	m.Namespace = r.namespace(r.packet(parts[1], m))
	return r.done(m)
}

// namespace reads the namespace of a packet; older servers leave out "/".
func (r *reader) namespace(v []byte) string {
	if isNull(v) {
		return "/"
	}
	return r.text(v)
}

// done is the message, unless something was wrong with it.
func (r *reader) done(m *Message) (*Message, error) {
	if r.err != nil {
		return nil, r.err
	}
	return m, nil
}

// DecodeClassicRequest reads what came on ClassicChannels.Requests.
func DecodeClassicRequest(msg []byte, l Limits) (*Message, error) {
	text, r, err := open(msg, l)
	if err != nil {
		return nil, err
	}
	f := r.pick(text, "uid", "requestId", "type", "opts", "rooms", "data", "packet")
	m := &Message{UID: r.text(f[0]), RequestID: r.text(f[1])}
	opts, rooms := f[3], f[4]
	switch r.count(f[2]) {
	case classicSockets:
		m.Kind = SocketIDs
		m.Options.Everyone, m.Options.Rooms = r.rooms(rooms)
	case classicAllRooms:
		m.Kind = AllRooms
	case classicRemoteJoin:
		m.Kind = Join
		r.change(text, opts, rooms, m)
	case classicRemoteLeave:
		m.Kind = Leave
		r.change(text, opts, rooms, m)
	case classicRemoteDisconnect:
		m.Kind = Disconnect
		r.change(text, opts, rooms, m)
	case classicRemoteFetch:
		m.Kind, m.Options = Fetch, r.options(opts)
	case classicServerSideEmit:
		m.Kind = ServerSideEmit
		m.Name, m.Args = r.event(f[5])
	case classicBroadcast:
		m.Kind, m.Options = Broadcast, r.options(opts)
		m.Namespace = r.namespace(r.packet(f[6], m))
		if m.RequestID == "" {
			r.fail(ErrFormat)
		}
	default:
		r.fail(ErrType)
	}
	return r.done(m)
}

// change reads which sockets a request is to change, and how: options, or what
// older servers send, one socket and one room.
func (r *reader) change(text, opts, rooms []byte, m *Message) {
	f := r.pick(text, "sid", "room", "close")
	if isNull(opts) {
		m.SocketID = r.text(f[0])
	} else {
		m.Options = r.options(opts)
	}
	switch room, named := name(f[1]); {
	case m.Kind == Disconnect:
		m.Close = truthy(f[2])
	case m.SocketID == "":
		m.Rooms = r.names(rooms)
	case named:
		m.Rooms = []string{room}
	default:
		r.fail(ErrFormat)
	}
}

// DecodeClassicResponse reads what came on ClassicChannels.Responses or
// ResponsesTo.
func DecodeClassicResponse(msg []byte, l Limits) (*Message, error) {
	text, r, err := open(msg, l)
	if err != nil {
		return nil, err
	}
	f := r.pick(text, "uid", "requestId", "type", "data", "clientCount", "packet", "sockets", "rooms")
	m := &Message{UID: r.text(f[0]), RequestID: r.text(f[1])}
	if m.RequestID == "" {
		return nil, ErrFormat
	}
	if isNull(f[2]) {
		r.untyped(m, f[6], f[7])
		return r.done(m)
	}
	switch r.count(f[2]) {
	case classicServerSideEmit:
		m.Kind, m.Args = ServerSideAnswer, r.answer(f[3])
	case classicBroadcastClientCount:
		m.Kind, m.Count = AckCount, r.count(f[4])
	case classicBroadcastAck:
		m.Kind, m.Args = Ack, r.answer(f[5])
	default:
		r.fail(ErrType)
	}
	return r.done(m)
}

// untyped reads the answers of which only the request says what they are.
func (r *reader) untyped(m *Message, sockets, rooms []byte) {
	switch {
	case holdsText(sockets):
		m.Kind, m.Sockets = SocketIDsAnswer, r.socketIDs(sockets)
	case !isNull(sockets):
		m.Kind, m.Sockets = FetchAnswer, r.sockets(sockets)
	case !isNull(rooms):
		m.Kind, m.Rooms = AllRoomsAnswer, r.names(rooms)
	default:
		m.Kind = Done
	}
}

// AppendClassic appends a message in the classic dialect. It is JSON where
// Node's is, unless there are bytes. The error is ErrKind, ErrLimit or a
// *parser.ArgError.
func AppendClassic(dst []byte, m *Message) ([]byte, error) {
	w := newWriter(m)
	if m.Kind == Broadcast && m.RequestID == "" {
		w.raw("[").text(m.UID).raw(",").classicPacket(m).raw(",").options(&m.Options, true).raw("]")
		return w.appendTo(dst, false)
	}
	w.raw("{").sender(m.UID)
	switch m.Kind {
	case FetchAnswer, ServerSideAnswer, AckCount, Ack, AllRoomsAnswer, SocketIDsAnswer, Done:
		w.classicResponse(m)
	default:
		w.classicRequest(m)
	}
	w.raw("}")
	return w.appendTo(dst, m.Kind != Broadcast && m.Kind != Ack)
}

// sender writes the first member of an object: FromUs looks there.
func (w *writer) sender(uid string) *writer {
	if uid == "" {
		return w
	}
	return w.key("uid").text(uid)
}

// request writes the id that ties answers to a request.
func (w *writer) request(id string) *writer {
	if id == "" {
		return w
	}
	return w.key("requestId").text(id)
}

func (w *writer) kind(n int64) *writer { return w.key("type").number(n) }

func (w *writer) classicPacket(m *Message) *writer {
	return w.raw("{").kind(int64(parser.Event)).key("data").event(m).key("nsp").text(m.Namespace).raw("}")
}

func (w *writer) classicRequest(m *Message) {
	w.request(m.RequestID)
	switch m.Kind {
	case SocketIDs:
		w.kind(classicSockets).key("rooms").rooms(&m.Options)
	case AllRooms:
		w.kind(classicAllRooms)
	case Join:
		w.kind(classicRemoteJoin).target(m)
	case Leave:
		w.kind(classicRemoteLeave).target(m)
	case Disconnect:
		w.kind(classicRemoteDisconnect).target(m)
	case Fetch:
		w.kind(classicRemoteFetch).key("opts").options(&m.Options, false)
	case ServerSideEmit:
		w.kind(classicServerSideEmit).key("data").event(m)
	case Broadcast:
		w.kind(classicBroadcast).key("packet").classicPacket(m).key("opts").options(&m.Options, true)
	default:
		w.err = ErrKind
	}
}

// target writes which sockets a request is to change, and how.
func (w *writer) target(m *Message) {
	switch {
	case m.SocketID == "":
		w.key("opts").options(&m.Options, false).change(m)
	case m.Kind == Disconnect:
		w.key("sid").text(m.SocketID).change(m)
	case len(m.Rooms) == 1:
		w.key("sid").text(m.SocketID).key("room").text(m.Rooms[0])
	default: // this form has one room
		w.err = ErrKind
	}
}

// change writes what becomes of sockets.
func (w *writer) change(m *Message) {
	if m.Kind == Disconnect {
		w.key("close").bool(m.Close)
	} else {
		w.key("rooms").names(m.Rooms)
	}
}

func (w *writer) classicResponse(m *Message) {
	switch m.Kind {
	case ServerSideAnswer:
		w.kind(classicServerSideEmit).request(m.RequestID).answer("data", m.Args)
	case AckCount:
		w.kind(classicBroadcastClientCount).request(m.RequestID).key("clientCount").number(int64(m.Count))
	case Ack:
		w.kind(classicBroadcastAck).request(m.RequestID).answer("packet", m.Args)
	case FetchAnswer:
		w.request(m.RequestID).key("sockets").sockets(m.Sockets)
	case SocketIDsAnswer:
		w.request(m.RequestID).key("sockets").names(idsOf(m.Sockets))
	case AllRoomsAnswer:
		w.request(m.RequestID).key("rooms").names(m.Rooms)
	default: // Done says no more
		w.request(m.RequestID)
	}
}

func idsOf(sockets []Socket) []string {
	ids := make([]string, len(sockets))
	for i := range sockets {
		ids[i] = sockets[i].ID
	}
	return ids
}
