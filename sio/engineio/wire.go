package engineio

import (
	"net/url"

	"github.com/gobwas/ws"
)

// wire says how packets look on one transport of a session. It knows the
// differences between the revisions of the protocol; everything else, queue,
// upgrade and the ways to end, is the same for all of them.
type wire uint8

const (
	// wire4 is Engine.IO 4.
	wire4 wire = iota
	// wire3 is Engine.IO 3; see eio3.go.
	wire3
	// wire3Base64 is Engine.IO 3 for a client that cannot take bytes.
	wire3Base64
	// wires is how many there are.
	wires
)

// wireOf is the wire that a request asks for. Whatever is not 4 counts as 3,
// as it does for the stock server.
func wireOf(query url.Values) wire {
	switch {
	case query.Get("EIO") == "4":
		return wire4
	case query.Get("b64") == "":
		return wire3
	default:
		return wire3Base64
	}
}

// revision is the revision of the Engine.IO protocol: 3 or 4.
func (w wire) revision() int {
	if w == wire4 {
		return 4
	}
	return 3
}

// fromWebSocket reads a packet from a WebSocket message.
func (w wire) fromWebSocket(op ws.OpCode, payload []byte) (packet, error) {
	switch {
	case w != wire4:
		return decode3(op == ws.OpBinary, payload)
	case op == ws.OpBinary:
		return packet{kind: packetMessage, binary: true, data: payload}, nil
	default:
		return decodeText(payload)
	}
}

// attachment is the WebSocket message that an attachment becomes.
func (w wire) attachment(data []byte) (ws.OpCode, []byte) {
	switch w {
	case wire3:
		return ws.OpBinary, append([]byte{messageByte3}, data...)
	case wire3Base64:
		return ws.OpText, appendBase64Packet3(nil, data)
	default:
		return ws.OpBinary, data
	}
}

// fromBody reads the first packet of a polling body and returns what comes
// after it, nil at the end. Text is valid UTF-8.
func (w wire) fromBody(body []byte, binary bool) (p packet, rest []byte, err error) {
	switch {
	case w == wire4:
		return decodePolling(body)
	case binary:
		return decodeBinaryPayload(body)
	default:
		return decodeTextPayload(body)
	}
}

// toBody is the polling body that carries frames. It may be shared, so nobody
// changes it.
func (w wire) toBody(frames ...*Frame) []byte {
	if w != wire4 {
		return appendPayload3(nil, w, frames)
	}
	if len(frames) == 1 {
		return frames[0].polling()
	}
	var body []byte
	for i, f := range frames {
		if i > 0 {
			body = append(body, separator)
		}
		body = append(body, f.polling()...)
	}
	return body
}

// contentType is that of a body which toBody made.
func (w wire) contentType(body []byte) string {
	if w != wire4 && isBinaryPayload(body) {
		return binaryContent
	}
	return "text/plain; charset=UTF-8"
}

// binaryContent is the content type of bodies that are not text.
const binaryContent = "application/octet-stream"
