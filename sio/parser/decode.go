package parser

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// maxID is the largest acknowledgement id: what a JavaScript peer can count
// to exactly.
const maxID = 1<<53 - 1

// Decoder puts the messages of one session together to packets. Its zero
// value accepts neither attachments nor a payload. It is not safe for
// concurrent use.
type Decoder struct {
	Limits Limits

	pending *Packet // waits for attachments; nil between packets
	missing int
}

// Text takes a text message, which must be valid UTF-8. It returns a packet,
// or nil if the packet waits for attachments. The packet aliases msg.
func (d *Decoder) Text(msg []byte) (*Packet, error) {
	if d.pending != nil {
		return nil, ErrUnexpected
	}
	p, attachments, err := decode(msg, d.Limits)
	if err != nil {
		return nil, err
	}
	if attachments > 0 {
		d.pending, d.missing = p, attachments
		return nil, nil
	}
	return p, nil
}

// Binary takes a binary message, which is an attachment of the packet before
// it. It returns the packet once it is complete, else nil.
func (d *Decoder) Binary(msg []byte) (*Packet, error) {
	p := d.pending
	if p == nil {
		return nil, ErrUnexpected
	}
	p.Attachments = append(p.Attachments, notNil(msg))
	if d.missing--; d.missing > 0 {
		return nil, nil
	}
	d.pending = nil
	return p, nil
}

// decode reads `<type>[<attachments>-][<namespace>,][<id>][<json>]`
// (protocol, "Packet encoding").
func decode(msg []byte, limits Limits) (*Packet, int, error) {
	if len(msg) == 0 || msg[0] < '0' || msg[0] > '6' {
		return nil, 0, ErrType
	}
	p := &Packet{Type: Type(msg[0] - '0'), Namespace: "/"}
	rest := msg[1:]
	attachments := 0
	if p.Type == BinaryEvent || p.Type == BinaryAck {
		n, tail, ok := number(rest)
		switch {
		case len(tail) == 0 || tail[0] != '-' || !ok:
			return nil, 0, ErrAttachments
		case n > uint64(limits.Attachments):
			return nil, 0, ErrTooManyAttachments
		}
		attachments, rest = int(n), tail[1:]
	}
	p.Namespace, rest = namespace(rest)
	if len(rest) > 0 && isDigit(rest[0]) {
		id, tail, ok := number(rest)
		if !ok {
			return nil, 0, ErrID
		}
		p.ID, p.HasID, rest = id, true, tail
	}
	if len(rest) > 0 {
		p.Data = rest
	}
	if deeper(p.Data, limits.Depth) {
		return nil, 0, ErrTooDeep
	}
	return p, attachments, check(p)
}

func namespace(rest []byte) (string, []byte) {
	if len(rest) == 0 || rest[0] != '/' {
		return "/", rest
	}
	name, tail, _ := bytes.Cut(rest, []byte(","))
	return string(name), tail
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// number reads the digits that rest begins with. It refuses none, and more
// than maxID.
func number(rest []byte) (n uint64, tail []byte, ok bool) {
	i := 0
	for ; i < len(rest) && isDigit(rest[i]); i++ {
		if n = n*10 + uint64(rest[i]-'0'); n > maxID {
			return 0, nil, false
		}
	}
	return n, rest[i:], i > 0
}

// check holds a packet's payload against its type. The rules are those of the
// stock decoder, except that an event needs a payload.
func check(p *Packet) error {
	if p.Data != nil && !json.Valid(p.Data) {
		return ErrPayload
	}
	ok := false
	switch p.Type {
	case Connect:
		ok = p.Data == nil || kind(p.Data) == '{'
	case Disconnect:
		ok = p.Data == nil
	case ConnectError:
		ok = kind(p.Data) == '{' || kind(p.Data) == '"'
	case Event, BinaryEvent:
		ok = kind(p.Data) == '[' && eventNamed(p.Data)
	case Ack, BinaryAck:
		ok = kind(p.Data) == '[' && p.HasID
	}
	if !ok {
		return ErrPayload
	}
	return nil
}

// kind is the first significant character of a JSON text, 0 if there is none.
func kind(v []byte) byte {
	if i := skipSpace(v, 0); i < len(v) {
		return v[i]
	}
	return 0
}

// eventNamed reports whether a JSON array begins with an event name that a
// client may use: a string that is not reserved, or a number.
func eventNamed(array []byte) bool {
	start := skipSpace(array, skipSpace(array, 0)+1)
	first := array[start:skipValue(array, start)]
	if kind(first) == '"' {
		return !isReserved(first)
	}
	return kind(first) == '-' || isDigit(kind(first))
}

// Event splits the payload of an EVENT or BINARY_EVENT into the event's name
// and arguments. The arguments alias the packet.
func (p *Packet) Event() (name string, args []Arg, err error) {
	all, err := p.Args()
	if err != nil {
		return "", nil, err
	}
	if len(all) == 0 || all[0].JSON == nil {
		return "", nil, ErrPayload
	}
	name = string(all[0].JSON) // a numeric name keeps its spelling
	if strings.HasPrefix(name, `"`) {
		name = unquote(all[0].JSON)
	}
	return name, all[1:], nil
}

// Args splits the payload of a packet that Decoder made into its elements. An
// attachment has one place: a payload that names it twice could stand for any
// multiple of the bytes that were sent.
func (p *Packet) Args() ([]Arg, error) {
	raw := elements(p.Data)
	args := make([]Arg, len(raw))
	left := slices.Clone(p.Attachments)
	for i, v := range raw {
		if len(p.Attachments) == 0 {
			args[i].JSON = v
			continue
		}
		arg, err := withBytes(v, left)
		if err != nil {
			return nil, err
		}
		args[i] = arg
	}
	return args, nil
}

// withBytes gives one argument of a binary packet the attachments it names,
// counted anew from 0, and takes them out of left.
func withBytes(v []byte, left [][]byte) (Arg, error) {
	found := placeholders(v)
	if len(found) == 0 {
		return Arg{JSON: v}, nil
	}
	arg := Arg{}
	text, err := renumber(nil, v, found, func(num int) (int, error) {
		if num < 0 || num >= len(left) || left[num] == nil {
			return 0, ErrPlaceholder
		}
		arg.Attachments = append(arg.Attachments, left[num])
		left[num] = nil
		return len(arg.Attachments) - 1, nil
	})
	if err != nil {
		return Arg{}, err
	}
	if found[0].start == 0 && found[0].end == len(v) {
		return Arg{Binary: arg.Attachments[0]}, nil
	}
	arg.JSON = text
	return arg, nil
}

// notNil keeps an empty attachment apart from none.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
