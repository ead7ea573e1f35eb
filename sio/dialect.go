package sio

import (
	"github.com/seed52a35d2d/realtime-server/sio/engineio"
	"github.com/seed52a35d2d/realtime-server/sio/parser"
)

// dialect is how packets become messages, which the client's `parser` option
// decides. Which path a session began at says what its client speaks.
type dialect uint8

const (
	// inJSON is the parser that clients have by default.
	inJSON dialect = iota
	// inMsgpack is socket.io-msgpack-parser.
	inMsgpack
	// dialects is how many there are.
	dialects
)

// encode makes the frame of a packet.
func (d dialect) encode(p *parser.Packet, options engineio.Options) *engineio.Frame {
	buffer := make([]byte, 0, len(p.Data)+len(p.Namespace)+32)
	if d == inMsgpack {
		return engineio.NewBinaryFrame(parser.AppendMsgpack(buffer, p), options)
	}
	return engineio.NewFrame(parser.Append(buffer, p), p.Attachments, options)
}

// decode reads a message. The packet is nil if it waits for attachments.
func (c *conn) decode(m engineio.Message) (*parser.Packet, error) {
	switch {
	case c.dialect == inMsgpack && m.Binary:
		return parser.DecodeMsgpack(m.Data, c.decoder.Limits)
	case c.dialect == inMsgpack:
		return nil, parser.ErrUnexpected
	case m.Binary:
		return c.decoder.Binary(m.Data)
	default:
		return c.decoder.Text(m.Data)
	}
}
