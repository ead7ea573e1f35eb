package parser

import "bytes"

// The functions of this file are for other formats that carry events, such as
// those between servers: the same JSON and attachments in another envelope.
// Valid JSON is what both json.Valid and utf8.Valid accept.

// FromMsgpack turns one MessagePack value into the JSON text that
// JSON.stringify would have made of it, with placeholders where it has bytes.
// Attachments alias msg.
func FromMsgpack(msg []byte, limits Limits) (text []byte, attachments [][]byte, err error) {
	w := jsonWriter{limits: limits}
	rest, err := w.value(msg)
	switch {
	case err != nil:
		return nil, nil, err
	case len(rest) > 0:
		return nil, nil, ErrPayload
	case w.lookalike && len(w.attachments) > 0:
		return nil, nil, ErrPlaceholder // nobody could tell it from a true one
	}
	return w.text, w.attachments, nil
}

// ToMsgpack appends a valid JSON text as one MessagePack value. All of its
// placeholders must have an attachment, unless there are no attachments.
func ToMsgpack(dst, text []byte, attachments [][]byte) []byte {
	return appendValue(dst, text, attachments)
}

// Elements calls element for every element of a JSON array, in order, as it
// stands there. ok is false if the text, which must be valid, is no array.
func Elements(text []byte, element func(value []byte)) (ok bool) {
	if kind(text) != '[' {
		return false
	}
	i := skipSpace(text, skipSpace(text, 0)+1)
	for i < len(text) && text[i] != ']' {
		end := skipValue(text, i)
		element(text[i:end])
		if i = skipSpace(text, end); i < len(text) && text[i] == ',' {
			i = skipSpace(text, i+1)
		}
	}
	return true
}

// Members calls member for every member of a JSON object, in order, with the
// key as it means and the value as it stands there. ok is false if the text,
// which must be valid, is no object.
func Members(text []byte, member func(key string, value []byte)) (ok bool) {
	if kind(text) != '{' {
		return false
	}
	i := skipSpace(text, skipSpace(text, 0)+1)
	for i < len(text) && text[i] == '"' {
		end := skipString(text, i)
		key := unquote(text[i:end])
		i = skipSpace(text, skipSpace(text, end)+1) // behind the colon
		end = skipValue(text, i)
		member(key, text[i:end])
		if i = skipSpace(text, end); i < len(text) && text[i] == ',' {
			i = skipSpace(text, i+1)
		}
	}
	return true
}

// Unquote is the text of a valid JSON string. ok is false if it is none.
func Unquote(text []byte) (s string, ok bool) {
	if kind(text) != '"' {
		return "", false
	}
	return unquote(bytes.TrimSpace(text)), true
}

// AppendQuoted appends text as a JSON string, as JSON.stringify writes it.
func AppendQuoted(dst []byte, text string) []byte { return appendQuoted(dst, []byte(text)) }

// TakeArg makes an argument of a part of a valid JSON text that has
// attachments: those that the part names are taken out of the slice, because
// each has one place.
func TakeArg(part []byte, attachments [][]byte) (Arg, error) {
	if len(attachments) == 0 {
		return Arg{JSON: part}, nil
	}
	return withBytes(part, attachments)
}

// AppendArg appends the JSON of an argument to the packet's payload, of which
// the rest need not be there yet, and its bytes to the attachments. binary says
// whether the packet has, or will have, attachments at all.
func (p *Packet) AppendArg(arg Arg, binary bool) error {
	data, problem := appendArg(p.Data, p, arg, binary)
	if problem != "" {
		return &ArgError{Problem: problem}
	}
	p.Data = data
	return nil
}

// HasBytes reports whether any of the arguments is, or has, bytes.
func HasBytes(args ...Arg) bool { return hasBytes(args) }
