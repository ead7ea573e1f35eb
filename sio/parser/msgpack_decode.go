package parser

import (
	"bytes"

	"github.com/tinylib/msgp/msgp"
)

// DecodeMsgpack reads a message in the encoding of socket.io-msgpack-parser
// into the packet that a client of the other encoding would have sent: JSON
// with attachments. Attachments alias msg.
func DecodeMsgpack(msg []byte, limits Limits) (*Packet, error) {
	d := msgpackDecoder{json: jsonWriter{limits: limits}}
	rest, err := d.packet(msg)
	switch {
	case err != nil:
		return nil, err
	case len(rest) > 0 || !d.typed || !d.named:
		return nil, ErrPayload
	case d.json.lookalike && len(d.json.attachments) > 0:
		return nil, ErrPlaceholder // nobody could tell it from a true one
	}
	p := &d.p
	p.Attachments = d.json.attachments
	return p, check(p)
}

// msgpackDecoder reads one packet.
type msgpackDecoder struct {
	p            Packet
	json         jsonWriter
	typed, named bool // type and nsp were there
}

func (d *msgpackDecoder) packet(b []byte) ([]byte, error) {
	fields, b, err := msgp.ReadMapHeaderBytes(b)
	if err != nil {
		return nil, ErrPayload
	}
	for range fields {
		var key []byte
		if key, b, err = msgp.ReadStringZC(b); err != nil {
			return nil, ErrPayload
		}
		if isUndefined(b) { // like an absent one
			b = b[undefinedSize:]
			continue
		}
		if b, err = d.field(string(key), b); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// field reads one member of a packet. Of repeated ones the last counts, as it
// does for JavaScript. Unknown ones, such as the client's options, are skipped.
func (d *msgpackDecoder) field(key string, b []byte) (rest []byte, err error) {
	switch key {
	case "type":
		var n uint64
		n, rest, err = msgp.ReadUint64Bytes(b)
		if err != nil || n > uint64(ConnectError) {
			return nil, ErrType
		}
		d.p.Type, d.typed = Type(n), true
		return rest, nil
	case "id":
		d.p.ID, rest, err = msgp.ReadUint64Bytes(b)
		if err != nil || d.p.ID > maxID {
			return nil, ErrID
		}
		d.p.HasID = true
		return rest, nil
	case "nsp":
		var name []byte
		if name, rest, err = msgp.ReadStringZC(b); err != nil {
			return nil, ErrPayload
		}
		d.p.Namespace, d.named = string(bytes.ToValidUTF8(name, []byte("\uFFFD"))), true
		return rest, nil
	case "data":
		d.json.reset()
		rest, err = d.json.value(b)
		d.p.Data = d.json.text
		return rest, err
	default:
		return skipMsgpack(b)
	}
}

// skipMsgpack returns what comes after the value that b begins with. Unlike
// msgp.Skip it does not recurse: nobody will look at the value, so it may nest
// as it likes.
func skipMsgpack(b []byte) (rest []byte, err error) {
	for left := uint64(1); left > 0; left-- { // a value takes a byte at least, so this ends with b
		var members uint32
		switch msgp.NextType(b) {
		case msgp.MapType:
			members, b, err = msgp.ReadMapHeaderBytes(b)
			left += 2 * uint64(members)
		case msgp.ArrayType:
			members, b, err = msgp.ReadArrayHeaderBytes(b)
			left += uint64(members)
		default:
			b, err = msgp.Skip(b)
		}
		if err != nil {
			return nil, ErrPayload
		}
	}
	return b, nil
}
