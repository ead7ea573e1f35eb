package parser

import (
	"bytes"
	"strconv"

	"github.com/tinylib/msgp/msgp"
)

// AppendMsgpack appends the message of a packet in the encoding of
// socket.io-msgpack-parser: one map {type, data, nsp, id}, without data and id
// where there are none. The attachments stand in their places; there are no
// binary types. The packet is one that NewEvent or NewAck has made, or has no
// attachments.
func AppendMsgpack(dst []byte, p *Packet) []byte {
	fields := uint32(2)
	if p.Data != nil {
		fields++
	}
	if p.HasID {
		fields++
	}
	dst = msgp.AppendMapHeader(dst, fields)
	dst = msgp.AppendInt(msgp.AppendString(dst, "type"), int(p.Type.plain()))
	if p.Data != nil {
		dst = appendValue(msgp.AppendString(dst, "data"), p.Data, p.Attachments)
	}
	dst = msgp.AppendString(msgp.AppendString(dst, "nsp"), p.Namespace)
	if p.HasID {
		dst = msgp.AppendUint64(msgp.AppendString(dst, "id"), p.ID)
	}
	return dst
}

// plain is the type of which t is the binary one.
func (t Type) plain() Type {
	switch t {
	case BinaryEvent:
		return Event
	case BinaryAck:
		return Ack
	default:
		return t
	}
}

// appendValue appends a JSON text as MessagePack: integers that fit 64 bits as
// integers, all other numbers as floats, placeholders as what they stand for,
// keys in their order. It does not recurse, so that depth costs little.
func appendValue(dst, v []byte, attachments [][]byte) []byte {
	var places []placeholder
	if len(attachments) > 0 {
		places = placeholders(v)
	}
	sizes := containerSizes(v, places)
	for i := 0; i < len(v); {
		switch c := v[i]; c {
		case '{', '[':
			if len(places) > 0 && places[0].start == i {
				dst = msgp.AppendBytes(dst, attachments[places[0].num])
				i, places = places[0].end, places[1:]
				continue
			}
			if c == '{' {
				dst = msgp.AppendMapHeader(dst, sizes[0])
			} else {
				dst = msgp.AppendArrayHeader(dst, sizes[0])
			}
			sizes = sizes[1:]
			i++
		case '"':
			end := skipString(v, i)
			dst = appendUnquoted(dst, v[i:end])
			i = end
		case ' ', '\t', '\n', '\r', ',', ':', '}', ']':
			i++
		default:
			end := skipLiteral(v, i)
			dst = appendLiteral(dst, v[i:end])
			i = end
		}
	}
	return dst
}

// containerSizes counts the members of every object and array, in the order in
// which they begin: MessagePack wants to know them beforehand.
func containerSizes(v []byte, places []placeholder) (sizes []uint32) {
	var open []int // indexes of sizes
	for i := 0; i < len(v); {
		switch v[i] {
		case '{', '[':
			if len(places) > 0 && places[0].start == i {
				i, places = places[0].end, places[1:]
				continue
			}
			open = append(open, len(sizes))
			sizes = append(sizes, 0)
			if next := v[skipSpace(v, i+1)]; next != '}' && next != ']' {
				sizes[len(sizes)-1] = 1
			}
			i++
		case ',':
			sizes[open[len(open)-1]]++
			i++
		case '}', ']':
			open = open[:len(open)-1]
			i++
		case '"':
			i = skipString(v, i)
		default:
			i++
		}
	}
	return sizes
}

func appendUnquoted(dst, quoted []byte) []byte {
	if bytes.ContainsRune(quoted, '\\') {
		return msgp.AppendString(dst, unquote(quoted))
	}
	return msgp.AppendStringFromBytes(dst, quoted[1:len(quoted)-1])
}

// appendLiteral appends a number, true, false or null.
func appendLiteral(dst, v []byte) []byte {
	switch v[0] {
	case 't', 'f':
		return msgp.AppendBool(dst, v[0] == 't')
	case 'n':
		return msgp.AppendNil(dst)
	}
	text := string(v)
	if !bytes.ContainsAny(v, ".eE") {
		if n, err := strconv.ParseUint(text, 10, 64); err == nil {
			return msgp.AppendUint64(dst, n)
		}
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return msgp.AppendInt64(dst, n)
		}
	}
	f, _ := strconv.ParseFloat(text, 64) // out of range is infinite, as for JSON.parse
	return msgp.AppendFloat64(dst, f)
}
