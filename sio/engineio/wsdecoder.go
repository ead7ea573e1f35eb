package engineio

import (
	"sync"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// wsDecoder turns the bytes of a client into WebSocket messages, in whatever
// pieces they come. It reads nothing itself, so that it can be fed by whatever
// reads.
type wsDecoder struct {
	// state is what is known of a frame or message under way; nil between
	// messages. Every connection owns a decoder, and most have nothing to say.
	state *wsState
}

// wsRules are what a decoder holds a client to.
type wsRules struct {
	// max is the largest message, in bytes, when it is inflated.
	max int
	// deflate says that permessage-deflate was negotiated.
	deflate bool
}

// wsState is a decoder at work. Its zero value is at the beginning of a
// message.
type wsState struct {
	head     []byte // an incomplete frame header, else empty
	header   ws.Header
	missing  int64 // payload bytes of the frame under way
	inFrame  bool
	fragment ws.OpCode // what the fragmented message under way is; 0 if none
	deflated bool      // the data message under way is compressed
	message  []byte    // payload of the data message under way
	squeezed []byte    // the same, if it is compressed
	control  []byte    // payload of the control frame under way
}

var wsStates = sync.Pool{New: func() any { return &wsState{} }}

// feed takes the next bytes and calls on for every message or control frame
// that they complete. payload belongs to the callee. An error of on ends the
// feeding and is returned; so is a *wsError.
func (d *wsDecoder) feed(p []byte, rules wsRules, on func(op ws.OpCode, payload []byte) error) error {
	if len(p) == 0 {
		return nil
	}
	s := d.state
	if s == nil {
		s = wsStates.Get().(*wsState) //nolint:errcheck // the pool holds nothing else
	}
	err := s.feed(p, rules, on)
	if err == nil && s.underWay() {
		d.state = s
		return nil
	}
	d.state = nil
	s.reset()
	wsStates.Put(s)
	return err
}

// underWay reports whether a frame or message has begun and not ended.
func (s *wsState) underWay() bool { return s.inFrame || s.fragment != 0 || len(s.head) > 0 }

// reset keeps nothing but room that the next message may use.
func (s *wsState) reset() {
	room := s.squeezed[:0]
	if cap(room) > maxKept {
		room = nil
	}
	*s = wsState{head: s.head[:0], squeezed: room}
}

func (s *wsState) feed(p []byte, rules wsRules, on func(ws.OpCode, []byte) error) error {
	for len(p) > 0 {
		if !s.inFrame {
			rest, complete, err := s.readHeader(p, rules)
			if err != nil || !complete {
				return err
			}
			p = rest
		}
		take := min(s.missing, int64(len(p)))
		s.append(p[:take])
		p = p[take:]
		if s.missing -= take; s.missing > 0 {
			return nil
		}
		s.inFrame = false
		if err := s.endFrame(rules, on); err != nil {
			return err
		}
	}
	return nil
}

// readHeader takes a frame header from p. The parts of a header that comes in
// pieces are kept.
func (s *wsState) readHeader(p []byte, rules wsRules) (rest []byte, complete bool, err error) {
	kept := len(s.head)
	if kept == 0 {
		header, size := parseHeader(p)
		if size > 0 {
			return p[size:], true, s.begin(header, rules)
		}
	}
	add := min(len(p), ws.MaxHeaderSize-kept)
	s.head = append(s.head, p[:add]...)
	header, size := parseHeader(s.head)
	if size == 0 {
		return nil, false, nil
	}
	s.head = s.head[:0]
	return p[size-kept:], true, s.begin(header, rules)
}

// begin checks a header against the rules and the frames before it.
func (s *wsState) begin(h ws.Header, rules wsRules) error {
	first := h.OpCode == ws.OpText || h.OpCode == ws.OpBinary
	deflated := first && rules.deflate && h.Rsv == rsv1>>4
	if deflated {
		h.Rsv = 0
	}
	state := ws.StateServerSide
	if s.fragment != 0 {
		state = state.Set(ws.StateFragmented)
	}
	if err := ws.CheckHeader(h, state); err != nil {
		return &wsError{ws.StatusProtocolError, err.Error()}
	}
	if !h.Masked {
		return &wsError{ws.StatusProtocolError, "frame is not masked"}
	}
	if first {
		s.deflated = deflated
	}
	if h.Length < 0 || h.Length > s.room(rules) && !h.OpCode.IsControl() {
		return errTooBig
	}
	s.header, s.missing, s.inFrame = h, h.Length, true
	return nil
}

// room is how many bytes the data message under way may still bring.
func (s *wsState) room(rules wsRules) int64 {
	if s.deflated {
		return int64(maxDeflated(rules.max) - len(s.squeezed))
	}
	return int64(rules.max - len(s.message))
}

// append adds payload bytes to the frame under way. Memory grows with what
// has come, not with what the header promises.
func (s *wsState) append(p []byte) {
	buffer := &s.message
	switch {
	case s.header.OpCode.IsControl():
		buffer = &s.control
	case s.deflated:
		buffer = &s.squeezed
	}
	start := len(*buffer)
	*buffer = append(*buffer, p...)
	ws.Cipher((*buffer)[start:], s.header.Mask, int(s.header.Length-s.missing))
}

// endFrame hands over what the frame has completed.
func (s *wsState) endFrame(rules wsRules, on func(ws.OpCode, []byte) error) error {
	op := s.header.OpCode
	if op.IsControl() {
		payload := s.control
		s.control = nil
		return on(op, payload)
	}
	if op == ws.OpContinuation {
		op = s.fragment
	}
	if !s.header.Fin {
		s.fragment = op
		return nil
	}
	s.fragment = 0
	payload, err := s.endMessage(rules)
	if err != nil {
		return err
	}
	if op == ws.OpText && !utf8.Valid(payload) {
		return errUTF8
	}
	return on(op, payload)
}

// endMessage returns the data message that has come.
func (s *wsState) endMessage(rules wsRules) ([]byte, error) {
	if s.deflated {
		squeezed := append(s.squeezed, inflateEnd...)
		s.squeezed = squeezed[:0]
		return inflate(squeezed, rules.max)
	}
	message := s.message
	s.message = nil
	return message, nil
}
