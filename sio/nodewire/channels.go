package nodewire

import (
	"strings"
	"unicode/utf16"
)

// DefaultPrefix is what the names of channels begin with unless a server is told
// otherwise.
const DefaultPrefix = "socket.io"

// ClassicChannels names the channels of a namespace in the classic dialect.
type ClassicChannels struct {
	Prefix    string
	Namespace string // begins with "/"
}

// Pattern is what to PSUBSCRIBE to for the broadcasts. It has those of some
// other namespaces as well, such as those of "/#a" for "/": a broadcast says
// which one it is for.
func (c ClassicChannels) Pattern() string { return escape(c.everyone()) + "*" }

// escape makes a pattern of a text that only the text matches.
func escape(text string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`).Replace(text)
}

func (c ClassicChannels) everyone() string { return c.Prefix + "#" + c.Namespace + "#" }

// Requests is where to subscribe to for requests. The number of subscribers is
// the number of servers that will answer.
func (c ClassicChannels) Requests() string { return c.Prefix + "-request#" + c.Namespace + "#" }

// Responses is where to subscribe to for answers.
func (c ClassicChannels) Responses() string { return c.Prefix + "-response#" + c.Namespace + "#" }

// ResponsesTo is where to subscribe to for answers to one UID. Servers of
// version 7.1 and later listen there, and answer there if they are told to.
func (c ClassicChannels) ResponsesTo(uid string) string { return c.Responses() + uid + "#" }

// Publish is where to publish a message. Answers go to all: older servers do not
// listen elsewhere.
func (c ClassicChannels) Publish(m *Message) string {
	switch m.Kind {
	case Broadcast:
		if m.RequestID != "" {
			return c.Requests()
		}
		if len(m.Options.Rooms) == 1 {
			return c.everyone() + m.Options.Rooms[0] + "#"
		}
		return c.everyone()
	case FetchAnswer, ServerSideAnswer, AckCount, Ack, AllRoomsAnswer, SocketIDsAnswer, Done:
		return c.Responses()
	default:
		return c.Requests()
	}
}

// Room is the one room that a broadcast is for which came on a channel, "" if
// it is not for one. A server that has nobody in the room need not read the
// broadcast. ok is false if the channel is none of the namespace's.
func (c ClassicChannels) Room(channel string) (room string, ok bool) {
	rest, ok := strings.CutPrefix(channel, c.everyone())
	if !ok || rest == "" {
		return "", ok
	}
	return strings.CutSuffix(rest, "#")
}

// Mode says which rooms have channels of their own in the sharded dialect. All
// servers must have the same.
type Mode uint8

// The modes, which Node calls "dynamic", "dynamic-private" and "static".
const (
	// Dynamic: those that do not look like the id of a socket.
	Dynamic Mode = iota
	// DynamicPrivate: all.
	DynamicPrivate
	// Static: none.
	Static
)

// ShardedChannels names the channels of a namespace in the sharded dialect.
type ShardedChannels struct {
	Prefix    string
	Namespace string // begins with "/"
	Mode      Mode
}

// All is where to subscribe to for what goes to all servers. The number of
// subscribers is the number of servers that will answer.
func (c ShardedChannels) All() string { return c.Prefix + "#" + c.Namespace + "#" }

// To is where to subscribe to for answers to a UID.
func (c ShardedChannels) To(uid string) string { return c.All() + uid + "#" }

// Room is the channel of a room, or of a socket's id: where to subscribe to
// while it has members. ok is false if it has none of its own.
func (c ShardedChannels) Room(room string) (channel string, ok bool) {
	if c.Mode == Static || c.Mode == Dynamic && units(room) == idLength {
		return "", false
	}
	return c.All() + room + "#", true
}

// idLength is the length of a socket's id. Node takes every name of that length
// for one.
const idLength = 20

// units is the length of a text as JavaScript counts it.
func units(s string) (n int) {
	for _, r := range s {
		n += utf16.RuneLen(r)
	}
	return n
}

// Publish is where to publish a message. Answers go to whoever has asked, whose
// UID is to.
func (c ShardedChannels) Publish(m *Message, to string) string {
	switch m.Kind {
	case FetchAnswer, ServerSideAnswer, AckCount, Ack:
		return c.To(to)
	case Broadcast:
		if m.RequestID == "" && len(m.Options.Rooms) == 1 {
			if channel, ok := c.Room(m.Options.Rooms[0]); ok {
				return channel
			}
		}
	default:
	}
	return c.All()
}
