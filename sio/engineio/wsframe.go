package engineio

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/gobwas/ws"
)

// wsError is a breach of the WebSocket protocol, with the close code that
// answers it.
type wsError struct {
	code ws.StatusCode
	text string
}

func (e *wsError) Error() string { return fmt.Sprintf("websocket: %s (%d)", e.text, e.code) }

var (
	errTooBig = &wsError{ws.StatusMessageTooBig, "message too big"}
	errUTF8   = &wsError{ws.StatusInvalidFramePayloadData, "text is not UTF-8"}
)

// parseHeader reads the header that p begins with (RFC 6455, section 5.2).
// The size is 0 if it is not complete.
func parseHeader(p []byte) (h ws.Header, size int) {
	if len(p) < 2 {
		return h, 0
	}
	h.Fin, h.Rsv, h.OpCode = p[0]&0x80 != 0, p[0]>>4&7, ws.OpCode(p[0]&0x0f)
	h.Masked, h.Length = p[1]&0x80 != 0, int64(p[1]&0x7f)
	size = 2
	switch h.Length {
	case 126:
		size += 2
	case 127:
		size += 8
	}
	mask := size
	if h.Masked {
		size += 4
	}
	if len(p) < size {
		return h, 0
	}
	switch h.Length {
	case 126:
		h.Length = int64(binary.BigEndian.Uint16(p[2:]))
	case 127:
		h.Length = int64(binary.BigEndian.Uint64(p[2:]))
	}
	if h.Masked {
		copy(h.Mask[:], p[mask:])
	}
	return h, size
}

// appendHeader appends the header of an unfragmented frame from the server.
func appendHeader(b []byte, op ws.OpCode, length int) []byte {
	b = append(b, 0x80|byte(op))
	switch {
	case length < 126:
		return append(b, byte(length))
	case length < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, 126), uint16(length))
	default:
		return binary.BigEndian.AppendUint64(append(b, 127), uint64(length))
	}
}

// closeFrame says goodbye with a close code.
func closeFrame(code ws.StatusCode) *Frame {
	return controlFrame(ws.OpClose, ws.NewCloseFrameBody(code, ""))
}

// lastWord is the close frame that answers what stopped a reader; nil where
// the connection itself has ended.
func lastWord(err error) *Frame {
	if breach, ok := errors.AsType[*wsError](err); ok {
		return closeFrame(breach.code)
	}
	if end, ok := errors.AsType[ended](err); ok {
		if Reason(end) == RateLimit {
			return closeFrame(ws.StatusPolicyViolation)
		}
		return wsGoodbye
	}
	return nil
}
