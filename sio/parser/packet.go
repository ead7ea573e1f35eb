// Package parser reads and writes Socket.IO protocol 5 packets. It holds pure
// functions over bytes: no sockets, no clocks, no goroutines.
//
// A packet is one text message, for example `2/chat,7["hi",1]`, and as many
// binary messages as its header announces. The JSON of a packet stays raw
// bytes: the parser checks it, splits it into arguments and finds the places
// of its attachments, and never builds values.
//
// The files msgpack_*.go have the other encoding, of socket.io-msgpack-parser,
// where a packet is one binary message. It is read into the same packets.
package parser

import (
	"bytes"
	"errors"
	"slices"
)

// Type is the packet type, the first character of a packet.
//
// See the Socket.IO protocol, revision 5, "Packet types".
type Type byte

// The packet types in the order of their numbers on the wire.
const (
	Connect Type = iota
	Disconnect
	Event
	Ack
	ConnectError
	BinaryEvent
	BinaryAck
)

var typeNames = [...]string{"CONNECT", "DISCONNECT", "EVENT", "ACK", "CONNECT_ERROR", "BINARY_EVENT", "BINARY_ACK"}

// String is the type's name in the protocol document.
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return "unknown"
}

// Packet is one Socket.IO packet.
type Packet struct {
	Type Type
	// Namespace begins with "/". It is "/" where the wire names none.
	Namespace string
	// ID is the acknowledgement id; it counts only if HasID.
	ID    uint64
	HasID bool
	// Data is the JSON payload as it stood on the wire, nil if there is none.
	Data []byte
	// Attachments are the binary messages that belong to the packet.
	Attachments [][]byte
}

// MaxAttachments is how many attachments the stock decoder accepts in one
// packet. A client that gets more closes its connection.
const MaxAttachments = 10

// Arg is one argument of an event or an acknowledgement. Exactly one of JSON
// and Binary is set.
//
// An object {"_placeholder":true,"num":N} within JSON stands for
// Attachments[N], counted within this argument alone.
type Arg struct {
	JSON        []byte
	Binary      []byte
	Attachments [][]byte
}

// Errors of Decoder. They say what a peer did wrong; every one of them ends
// its session.
var (
	ErrType        = errors.New("unknown packet type")
	ErrAttachments = errors.New("not a number of attachments")
	ErrID          = errors.New("bad acknowledgement id")
	ErrPayload     = errors.New("payload does not fit the packet type")
	ErrUnexpected  = errors.New("text where an attachment is due, or an attachment where none is")
	ErrPlaceholder = errors.New("placeholder without an attachment of its own")

	ErrTooManyAttachments = errors.New("more attachments than are allowed")
	ErrTooDeep            = errors.New("payload nests deeper than is allowed")
)

var reserved = []string{"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"}

// Reserved reports whether an event name belongs to the protocol's own
// events, which nobody may emit.
func Reserved(name string) bool { return slices.Contains(reserved, name) }

// isReserved is Reserved for a name as it stands in JSON. It leaves no garbage
// for names without escapes.
func isReserved(quoted []byte) bool {
	if bytes.ContainsRune(quoted, '\\') {
		return Reserved(unquote(quoted))
	}
	return slices.ContainsFunc(reserved, func(name string) bool { return name == string(quoted[1:len(quoted)-1]) })
}
