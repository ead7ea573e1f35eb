package engineio

import (
	"bytes"
	"encoding/base64"
	"strconv"
	"unicode/utf8"
)

// Engine.IO 3 is what clients of Socket.IO 1 and 2 speak
// (https://github.com/socketio/engine.io-protocol/tree/v3). It differs from 4
// in three things: the client pings (heartbeat.go), bytes carry the type of
// their packet, and a polling body, here called payload, says how long its
// packets are.
//
// A payload is text, with lengths in UTF-16 units, or binary, with lengths in
// bytes. Both kinds may hold both kinds of packets; a server chooses the
// binary one where it has bytes to send and the client did not ask for b64=1.

// messageByte3 stands before the bytes of a message.
const messageByte3 = byte(packetMessage - '0')

// decode3 reads a packet from text, which is valid UTF-8, or from bytes.
func decode3(binary bool, data []byte) (packet, error) {
	switch {
	case len(data) == 0:
		return packet{}, errPacket
	case binary:
		return decodeBytes3('0'+data[0], data[1:])
	case data[0] != 'b':
		return decodeText(data)
	case len(data) == 1:
		return packet{}, errPacket
	}
	decoded, err := base64.StdEncoding.AppendDecode(nil, data[2:])
	if err != nil {
		return packet{}, errPacket
	}
	return decodeBytes3(data[1], decoded)
}

func decodeBytes3(kind byte, data []byte) (packet, error) {
	p, err := decodeText([]byte{kind})
	p.binary, p.data = true, data
	return p, err
}

// nothing3 is a packet of length zero, which some payloads have: it is
// ignored, like a noop.
var nothing3 = packet{kind: packetNoop}

// decodeTextPayload reads the first packet of a text payload,
// `<length>:<packet>`, and returns what comes after it, nil at the end.
func decodeTextPayload(payload []byte) (p packet, rest []byte, err error) {
	digits, rest, found := bytes.Cut(payload, []byte{':'})
	units, ok := length3(digits, '0')
	if !found || !ok {
		return packet{}, nil, errPacket
	}
	size, ok := utf16Prefix(rest, units)
	if !ok {
		return packet{}, nil, errPacket
	}
	return decodePart3(false, rest[:size], rest[size:])
}

// decodeBinaryPayload reads the first packet of a binary payload and returns
// what comes after it, nil at the end. A packet is a 0 for text or a 1 for
// bytes, then its length in digits that are bytes from 0 to 9, then 255.
func decodeBinaryPayload(payload []byte) (p packet, rest []byte, err error) {
	if len(payload) == 0 || payload[0] > 1 {
		return packet{}, nil, errPacket
	}
	digits, rest, found := bytes.Cut(payload[1:], []byte{255})
	size, ok := length3(digits, 0)
	if !found || !ok || size > len(rest) {
		return packet{}, nil, errPacket
	}
	binary := payload[0] == 1
	if !binary && !utf8.Valid(rest[:size]) {
		return packet{}, nil, errPacket
	}
	return decodePart3(binary, rest[:size], rest[size:])
}

func decodePart3(binary bool, data, rest []byte) (packet, []byte, error) {
	if len(rest) == 0 {
		rest = nil
	}
	if len(data) == 0 {
		return nothing3, rest, nil
	}
	p, err := decode3(binary, data)
	return p, rest, err
}

// maxDigits3 is how many digits a length may have. No payload is that long.
const maxDigits3 = 9

// length3 reads a length that is written with digits from zero on.
func length3(digits []byte, zero byte) (n int, ok bool) {
	if len(digits) == 0 || len(digits) > maxDigits3 {
		return 0, false
	}
	for _, d := range digits {
		if d -= zero; d > 9 {
			return 0, false
		}
		n = n*10 + int(d)
	}
	return n, true
}

// utf16Prefix is the size in bytes of the first so many UTF-16 units of a
// text. It is not ok if the text is shorter, or if it would be cut within a
// character.
func utf16Prefix(text []byte, units int) (size int, ok bool) {
	for units > 0 && size < len(text) {
		_, width := utf8.DecodeRune(text[size:])
		size += width
		units--
		if width == utf8.UTFMax { // a surrogate pair
			units--
		}
	}
	return size, units == 0
}

// utf16Length is the length of a valid text in UTF-16 units.
func utf16Length(text []byte) (units int) {
	for _, c := range text {
		if c&0xc0 != 0x80 { // not within a character
			units++
		}
		if c >= 0xf0 { // a surrogate pair
			units++
		}
	}
	return units
}

// appendPayload3 appends frames as they stand in a payload.
func appendPayload3(dst []byte, w wire, frames []*Frame) []byte {
	binary := false
	for _, f := range frames {
		binary = binary || w == wire3 && len(f.attachments) > 0
	}
	for _, f := range frames {
		if len(f.attachments) == 0 {
			dst = appendTextPart3(dst, f.text, binary)
			continue
		}
		// Binary for wire3, text for wire3Base64, whatever else is there.
		part := f.otherForms().body[w].get(func() []byte { return f.payload3(binary) })
		dst = append(dst, part...)
	}
	return dst
}

// payload3 is what a frame with attachments is in a payload.
func (f *Frame) payload3(binary bool) (part []byte) {
	if f.text != nil {
		part = appendTextPart3(nil, f.text, binary)
	}
	for _, a := range f.attachments {
		part = appendBytesPart3(part, a, binary)
	}
	return part
}

func appendTextPart3(dst, text []byte, binary bool) []byte {
	if binary {
		return append(appendHeader3(dst, 0, len(text)), text...)
	}
	dst = strconv.AppendInt(dst, int64(utf16Length(text)), 10)
	return append(append(dst, ':'), text...)
}

func appendBytesPart3(dst, data []byte, binary bool) []byte {
	if binary {
		dst = append(appendHeader3(dst, 1, 1+len(data)), messageByte3)
		return append(dst, data...)
	}
	dst = strconv.AppendInt(dst, int64(base64Length3(data)), 10)
	return appendBase64Packet3(append(dst, ':'), data)
}

// appendHeader3 appends the header of a packet in a binary payload.
func appendHeader3(dst []byte, kind byte, size int) []byte {
	dst = append(dst, kind)
	start := len(dst)
	dst = strconv.AppendInt(dst, int64(size), 10)
	for i := range dst[start:] {
		dst[start+i] -= '0'
	}
	return append(dst, 255)
}

// isBinaryPayload tells the kinds apart: a text payload begins with a digit.
func isBinaryPayload(payload []byte) bool { return len(payload) > 0 && payload[0] <= 1 }

// appendBase64Packet3 appends bytes as a message in text.
func appendBase64Packet3(dst, data []byte) []byte {
	return base64.StdEncoding.AppendEncode(append(dst, 'b', byte(packetMessage)), data)
}

func base64Length3(data []byte) int { return 2 + base64.StdEncoding.EncodedLen(len(data)) }
