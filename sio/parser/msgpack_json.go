package parser

import (
	"strconv"

	"github.com/tinylib/msgp/msgp"
)

// jsonWriter turns MessagePack into the text that JSON.stringify would have
// made of the same value. Bytes become attachments. It does not recurse, and
// allocates for what has come, not for what a length announces.
type jsonWriter struct {
	limits Limits

	text        []byte
	attachments [][]byte
	// lookalike says that an object looks like a placeholder and is none.
	lookalike bool
	open      []nest // what the next value is inside of
}

// nest is an array or an object that is being read.
type nest struct {
	left   uint32 // members
	object bool
	some   bool // it is not empty
}

// reset forgets what was written.
func (w *jsonWriter) reset() { *w = jsonWriter{limits: w.limits} }

// value writes the value that b begins with and returns what comes after it.
func (w *jsonWriter) value(b []byte) (rest []byte, err error) {
	rest, err = w.begin(b)
	for err == nil && len(w.open) > 0 {
		rest, err = w.next(rest)
	}
	return rest, err
}

// next writes the next member of the innermost container, or its end. Members
// of objects that are undefined are left out.
func (w *jsonWriter) next(b []byte) ([]byte, error) {
	in := &w.open[len(w.open)-1]
	switch {
	case in.left == 0:
		w.end(in.object)
		return b, nil
	case !in.object:
		in.left--
		w.comma(in)
		return w.begin(b)
	}
	in.left--
	key, b, err := readKey(b)
	if err != nil {
		return nil, err
	}
	if isUndefined(b) {
		return b[undefinedSize:], nil
	}
	w.comma(in)
	w.text = append(appendQuoted(w.text, key), ':')
	if t, _, err := msgp.ReadBoolBytes(b); err == nil && t && string(key) == "_placeholder" {
		w.lookalike = true
	}
	return w.begin(b)
}

func (w *jsonWriter) comma(in *nest) {
	if in.some {
		w.text = append(w.text, ',')
	}
	in.some = true
}

func (w *jsonWriter) end(object bool) {
	w.open = w.open[:len(w.open)-1]
	if object {
		w.text = append(w.text, '}')
	} else {
		w.text = append(w.text, ']')
	}
}

// begin writes a value that has no members, or the beginning of one that has.
func (w *jsonWriter) begin(b []byte) (rest []byte, err error) {
	switch msgp.NextType(b) {
	case msgp.MapType:
		n, rest, err := msgp.ReadMapHeaderBytes(b)
		w.text = append(w.text, '{')
		return rest, w.push(nest{left: n, object: true}, err)
	case msgp.ArrayType:
		n, rest, err := msgp.ReadArrayHeaderBytes(b)
		w.text = append(w.text, '[')
		return rest, w.push(nest{left: n}, err)
	case msgp.StrType:
		s, rest, err := msgp.ReadStringZC(b)
		w.text = appendQuoted(w.text, s)
		return rest, payloadError(err)
	case msgp.BinType:
		data, rest, err := msgp.ReadBytesZC(b)
		if err != nil {
			return nil, ErrPayload
		}
		return rest, w.attach(data)
	case msgp.IntType, msgp.UintType, msgp.Float32Type, msgp.Float64Type:
		w.text, rest, err = appendNumber(w.text, b)
		return rest, payloadError(err)
	case msgp.BoolType:
		t, rest, err := msgp.ReadBoolBytes(b)
		w.text = strconv.AppendBool(w.text, t)
		return rest, payloadError(err)
	case msgp.NilType:
		w.text = append(w.text, "null"...)
		return b[1:], nil
	default:
		return w.extension(b)
	}
}

// push goes into a container whose header was read with err.
func (w *jsonWriter) push(in nest, err error) error {
	if err != nil {
		return ErrPayload
	}
	if len(w.open) == w.limits.Depth {
		return ErrTooDeep
	}
	w.open = append(w.open, in)
	return nil
}

// attach writes a placeholder for bytes.
func (w *jsonWriter) attach(data []byte) error {
	if len(w.attachments) == w.limits.Attachments {
		return ErrTooManyAttachments
	}
	w.text = appendPlaceholder(w.text, len(w.attachments))
	w.attachments = append(w.attachments, notNil(data))
	return nil
}

// payloadError keeps the words of the library to itself.
func payloadError(err error) error {
	if err != nil {
		return ErrPayload
	}
	return nil
}

// readKey reads the key of an object's member. Integers are keys as well.
func readKey(b []byte) (key, rest []byte, err error) {
	switch msgp.NextType(b) {
	case msgp.StrType:
		key, rest, err = msgp.ReadStringZC(b)
	case msgp.IntType, msgp.UintType:
		key, rest, err = appendNumber(nil, b)
	default:
		return nil, nil, ErrPayload
	}
	return key, rest, payloadError(err)
}

// appendNumber appends the number that b begins with, as JSON.stringify writes
// it; integers with all their digits.
func appendNumber(dst, b []byte) (_, rest []byte, err error) {
	switch msgp.NextType(b) {
	case msgp.IntType:
		n, rest, err := msgp.ReadInt64Bytes(b)
		return strconv.AppendInt(dst, n, 10), rest, err
	case msgp.UintType:
		n, rest, err := msgp.ReadUint64Bytes(b)
		return strconv.AppendUint(dst, n, 10), rest, err
	default:
		f, rest, err := msgp.ReadFloat64Bytes(b)
		return appendFloat(dst, f), rest, err
	}
}
