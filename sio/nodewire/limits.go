package nodewire

import (
	"errors"

	"github.com/seed52a35d2d/realtime-server/sio/parser"
)

// Limits bound a message that is read.
type Limits struct {
	// Bytes is the size of the message.
	Bytes int
	// Items is how many arguments, names of rooms, sockets, headers and query
	// values it may hold, all of them together. A socket counts as four.
	Items int
	// Attachments is how many binary values it may hold. An event may hold
	// parser.MaxAttachments of them, because clients take no more.
	Attachments int
}

// DefaultLimits let in what a server with ten thousand sockets answers. What is
// read may take 16 times its bytes, and some hundred bytes for each item.
func DefaultLimits() Limits {
	return Limits{Bytes: 16 << 20, Items: 1 << 18, Attachments: 1000}
}

// Errors of the functions that read. Whoever gets one passes the message over.
var (
	// ErrLimit: the message holds more than Limits allow.
	ErrLimit = errors.New("message exceeds a limit")
	// ErrFormat: it is neither JSON nor MessagePack of the right shape.
	ErrFormat = errors.New("message does not fit the format")
	// ErrType: its type is none that is known; a newer server may have sent it.
	ErrType = errors.New("unknown message type")
	// ErrEvent: it has an event that nobody may emit.
	ErrEvent = errors.New("event without a name, or with a reserved one")
)

// ErrKind is the error of the functions that write: the dialect has no such
// message.
var ErrKind = errors.New("no such message in this dialect")

// payloadError makes an error of ours of one of the parser's.
func payloadError(err error) error {
	if errors.Is(err, parser.ErrTooManyAttachments) || errors.Is(err, parser.ErrTooDeep) {
		return ErrLimit
	}
	return ErrFormat
}
