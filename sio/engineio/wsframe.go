package engineio

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// wsDecoder turns the bytes of a client into WebSocket messages, in whatever
// pieces they come. It reads nothing itself, so that it can be fed by whatever
// reads. While no message is under way it holds nothing.
type wsDecoder struct {
	// max is the largest message, in bytes.
	max int
	// deflate says that messages may be compressed.
	deflate bool

	*progress // nil between messages
}

// progress is how far a message has come.
type progress struct {
	head     []byte // an incomplete frame header, else empty
	header   ws.Header
	missing  int64 // payload bytes of the frame under way
	inFrame  bool
	fragment ws.OpCode // what the fragmented message under way is; 0 if none
	message  []byte    // payload of the data message under way
	packed   bool      // that message is compressed
	control  []byte    // payload of the control frame under way
}

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

// feed takes the next bytes and calls on for every message or control frame
// that they complete. payload belongs to the callee. An error of on ends the
// feeding and is returned; so is a *wsError.
func (d *wsDecoder) feed(p []byte, on func(op ws.OpCode, payload []byte) error) error {
	if d.progress == nil {
		d.progress = decoding.Get().(*progress) //nolint:errcheck // the pool holds nothing else
	}
	err := d.take(p, on)
	if d.idle() {
		*d.progress = progress{}
		decoding.Put(d.progress)
		d.progress = nil
	}
	return err
}

var decoding = sync.Pool{New: func() any { return &progress{} }}

// idle reports whether no message is under way.
func (d *wsDecoder) idle() bool { return len(d.head) == 0 && !d.inFrame && d.fragment == 0 }

// take is feed, with a progress.
func (d *wsDecoder) take(p []byte, on func(op ws.OpCode, payload []byte) error) error {
	for {
		if !d.inFrame {
			rest, complete, err := d.readHeader(p)
			if err != nil || !complete {
				return err
			}
			p = rest
		}
		take := min(d.missing, int64(len(p)))
		d.append(p[:take])
		p = p[take:]
		if d.missing -= take; d.missing > 0 {
			return nil
		}
		d.inFrame = false
		if err := d.endFrame(on); err != nil {
			return err
		}
		if len(p) == 0 {
			return nil
		}
	}
}

// readHeader takes a frame header from p. The parts of a header that comes in
// pieces are kept.
func (d *wsDecoder) readHeader(p []byte) (rest []byte, complete bool, err error) {
	kept := len(d.head)
	if kept > 0 {
		p = append(d.head, p...)
	}
	header, size := parseHeader(p)
	if size == 0 {
		d.head = append(d.head, p[kept:]...)
		return nil, false, nil
	}
	d.head = nil
	if err := d.begin(header); err != nil {
		return nil, false, err
	}
	return p[size:], true, nil
}

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

// begin checks a header against the rules and the frames before it.
func (d *wsDecoder) begin(h ws.Header) error {
	state := ws.StateServerSide
	if d.fragment != 0 {
		state = state.Set(ws.StateFragmented)
	}
	if d.deflate {
		state = state.Set(ws.StateExtended)
	}
	if err := ws.CheckHeader(h, state); err != nil {
		return &wsError{ws.StatusProtocolError, err.Error()}
	}
	if !mayCompress(h) {
		return &wsError{ws.StatusProtocolError, "reserved bit"}
	}
	if !h.Masked {
		return &wsError{ws.StatusProtocolError, "frame is not masked"}
	}
	if h.Length < 0 || h.Length > int64(d.max-len(d.message)) && !h.OpCode.IsControl() {
		return errTooBig
	}
	if h.OpCode == ws.OpText || h.OpCode == ws.OpBinary {
		d.packed = h.Rsv == rsv1
	}
	d.header, d.missing, d.inFrame = h, h.Length, true
	return nil
}

// append adds payload bytes to the frame under way. Memory grows with what
// has come, not with what the header promises.
func (d *wsDecoder) append(p []byte) {
	buffer := &d.message
	if d.header.OpCode.IsControl() {
		buffer = &d.control
	}
	start := len(*buffer)
	*buffer = append(*buffer, p...)
	ws.Cipher((*buffer)[start:], d.header.Mask, int(d.header.Length-d.missing))
}

// endFrame hands over what the frame has completed.
func (d *wsDecoder) endFrame(on func(ws.OpCode, []byte) error) error {
	op := d.header.OpCode
	if op.IsControl() {
		payload := d.control
		d.control = nil
		return on(op, payload)
	}
	if op == ws.OpContinuation {
		op = d.fragment
	}
	if !d.header.Fin {
		d.fragment = op
		return nil
	}
	payload := d.message
	d.message, d.fragment = nil, 0
	if d.packed {
		var err error
		if payload, err = inflate(payload, d.max); err != nil {
			return err
		}
	}
	if op == ws.OpText && !utf8.Valid(payload) {
		return errUTF8
	}
	return on(op, payload)
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
	if _, ok := errors.AsType[ended](err); ok {
		return wsGoodbye
	}
	return nil
}
