package nodewire

import "github.com/seed52a35d2d/realtime-server/sio/parser"

// Kind says what a message is.
type Kind uint8

// The kinds. Comments name what belongs to them beside UID, Namespace and
// RequestID.
const (
	// Broadcast is an event for clients: Options, Name, Args. With a RequestID
	// it wants their acknowledgements: an AckCount from every server, and an
	// Ack for every client.
	Broadcast Kind = iota + 1
	// Join makes sockets join Rooms: Options, or SocketID.
	Join
	// Leave makes sockets leave Rooms: Options, or SocketID.
	Leave
	// Disconnect ends sockets: Close, and Options or SocketID.
	Disconnect
	// Fetch asks for sockets: Options.
	Fetch
	// FetchAnswer answers Fetch: Sockets.
	FetchAnswer
	// ServerSideEmit is an event for servers: Name, Args. With a RequestID it
	// wants an answer.
	ServerSideEmit
	// ServerSideAnswer answers ServerSideEmit: one argument, or none.
	ServerSideAnswer
	// AckCount says how many clients of a server got the Broadcast: Count.
	AckCount
	// Ack is what a client answered: its first argument, or none.
	Ack
	// Closed says that a server goes. Sharded only.
	Closed
	// AllRooms asks for the names of all rooms. Classic only, as what follows.
	AllRooms
	// AllRoomsAnswer answers AllRooms: Rooms.
	AllRoomsAnswer
	// SocketIDs asks for the ids of sockets: Options. Version 8 of the adapter
	// does not send it any more.
	SocketIDs
	// SocketIDsAnswer answers SocketIDs: Sockets, of which there are the ids
	// only. It is read as a FetchAnswer if it has none.
	SocketIDsAnswer
	// Done answers Join, Leave and Disconnect with a SocketID.
	Done
)

var kindNames = [...]string{
	"", "broadcast", "join", "leave", "disconnect", "fetch", "fetch answer", "server-side emit", "server-side answer",
	"ack count", "ack", "closed", "all rooms", "all rooms answer", "socket ids", "socket ids answer", "done",
}

// String is the kind in words.
func (k Kind) String() string {
	if k >= Broadcast && int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// Message is what one server says to others. Its Kind says which fields count.
type Message struct {
	Kind Kind
	// UID is the sender in the namespace, EmitterUID for the emitter. Classic
	// answers have none, and some requests of the emitter.
	UID string
	// Namespace begins with "/". Classic messages other than broadcasts have
	// none: there the channel says it.
	Namespace string
	// RequestID ties answers to a request. "" wants no answer.
	RequestID string

	Options Options
	// SocketID is the one socket that older servers name instead of Options.
	// Who has it answers with Done.
	SocketID string

	Name    string
	Args    []parser.Arg
	Rooms   []string
	Close   bool // the session of the sockets ends as well
	Count   int
	Sockets []Socket
}

// event reports whether the message has a name and arguments.
func (k Kind) event() bool { return k == Broadcast || k == ServerSideEmit }
