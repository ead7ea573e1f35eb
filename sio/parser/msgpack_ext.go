package parser

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"time"
)

// Extensions of MessagePack that clients send. Type 0 is what notepack.io, the
// library of socket.io-msgpack-parser, uses for values that only JavaScript
// has; which of them it is, the size says.
const (
	extNotepack  = 0
	extTimestamp = -1 // of the MessagePack specification
)

// extension is one that was read.
type extension struct {
	kind  int8
	fixed bool // its size is part of its code
	data  []byte
}

// undefinedSize is the size of undefined: a code, the type, a byte of nothing.
const undefinedSize = 3

// isUndefined reports whether b begins with JavaScript's undefined.
func isUndefined(b []byte) bool {
	return len(b) >= undefinedSize && b[0] == 0xd4 && b[1] == extNotepack
}

// readExtension reads the extension that b begins with.
func readExtension(b []byte) (e extension, rest []byte, ok bool) {
	if len(b) == 0 {
		return e, nil, false
	}
	code, b := b[0], b[1:]
	var size uint64
	switch {
	case code >= 0xd4 && code <= 0xd8:
		size, e.fixed = 1<<(code-0xd4), true
	case code == 0xc7 && len(b) >= 1:
		size, b = uint64(b[0]), b[1:]
	case code == 0xc8 && len(b) >= 2:
		size, b = uint64(binary.BigEndian.Uint16(b)), b[2:]
	case code == 0xc9 && len(b) >= 4:
		size, b = uint64(binary.BigEndian.Uint32(b)), b[4:]
	default:
		return e, nil, false
	}
	if uint64(len(b)) < size+1 {
		return e, nil, false
	}
	e.kind, e.data = int8(b[0]), b[1:size+1:size+1]
	return e, b[size+1:], true
}

// extension writes an extension: undefined as null, a date as JSON has it, a
// buffer as bytes, and what nobody knows as [type, bytes], like the stock
// server.
func (w *jsonWriter) extension(b []byte) ([]byte, error) {
	e, rest, ok := readExtension(b)
	if !ok {
		return nil, ErrPayload
	}
	switch {
	case e.kind == extNotepack && e.fixed && len(e.data) == 1:
		w.text = append(w.text, "null"...)
	case e.kind == extNotepack && e.fixed && len(e.data) == 8:
		w.text = appendDate(w.text, int64(binary.BigEndian.Uint64(e.data)))
	case e.kind == extNotepack && !e.fixed:
		return rest, w.attach(e.data)
	case e.kind == extTimestamp && (len(e.data) == 4 || len(e.data) == 8 || len(e.data) == 12):
		w.text = appendDate(w.text, milliseconds(e.data))
	default:
		w.text = append(strconv.AppendInt(append(w.text, '['), int64(e.kind), 10), ',')
		err := w.attach(e.data)
		w.text = append(w.text, ']')
		return rest, err
	}
	return rest, nil
}

// maxDate is the last moment of JavaScript's time, in milliseconds since 1970.
const maxDate = 864e13

// milliseconds reads a timestamp in one of its three sizes. One that is out of
// JavaScript's time is some that is, too.
func milliseconds(data []byte) int64 {
	var seconds int64
	var nanoseconds uint64
	switch len(data) {
	case 4:
		seconds = int64(binary.BigEndian.Uint32(data))
	case 8:
		both := binary.BigEndian.Uint64(data)
		seconds, nanoseconds = int64(both&(1<<34-1)), both>>34
	default:
		nanoseconds, seconds = uint64(binary.BigEndian.Uint32(data)), int64(binary.BigEndian.Uint64(data[4:]))
	}
	seconds = min(max(seconds, -maxDate), maxDate)
	return seconds*1000 + int64(nanoseconds/1e6)
}

// appendDate appends a date as JSON.stringify writes it.
func appendDate(dst []byte, ms int64) []byte {
	t := time.UnixMilli(ms).UTC()
	switch {
	case ms < -maxDate || ms > maxDate:
		return append(dst, "null"...)
	case t.Year() < 0 || t.Year() > 9999:
		return fmt.Appendf(dst, `"%+07d%s"`, t.Year(), t.Format("-01-02T15:04:05.000Z"))
	default:
		return t.AppendFormat(dst, `"2006-01-02T15:04:05.000Z"`)
	}
}
