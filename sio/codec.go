package sio

import (
	"encoding/binary"
)

// appendText appends a text behind its length.
func appendText[T string | []byte](dst []byte, text T) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(text))), text...)
}

func appendTexts(dst []byte, texts []string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(texts)))
	for _, text := range texts {
		dst = appendText(dst, text)
	}
	return dst
}

func appendTarget(dst []byte, t *Target) []byte {
	var everyone byte
	if t.Everyone {
		everyone = 1
	}
	dst = append(dst, everyone)
	for _, names := range [][]string{t.Rooms, t.Users, t.IDs, t.ExceptRooms, t.ExceptUsers, t.ExceptIDs} {
		dst = appendTexts(dst, names)
	}
	return dst
}

// reading reads what these functions have written. After a fault everything is
// empty, and end says so.
type reading struct {
	rest   []byte
	faulty bool
}

// fault gives up.
func (r *reading) fault() { r.rest, r.faulty = nil, true }

// end is errGarbled if there was a fault, or if something is left.
func (r *reading) end() error {
	if r.faulty || len(r.rest) > 0 {
		return errGarbled
	}
	return nil
}

func (r *reading) byte() byte {
	if len(r.rest) == 0 {
		r.fault()
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

func (r *reading) number() uint64 {
	value, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.fault()
		return 0
	}
	r.rest = r.rest[n:]
	return value
}

func (r *reading) signed() int64 {
	value, n := binary.Varint(r.rest)
	if n <= 0 {
		r.fault()
		return 0
	}
	r.rest = r.rest[n:]
	return value
}

// count is a number of things that follow, each of which takes a byte at least.
func (r *reading) count() int {
	n := r.number()
	if n > uint64(len(r.rest)) {
		r.fault()
		return 0
	}
	return int(n) //nolint:gosec // it is no greater than a length
}

// bytes are not copied.
func (r *reading) bytes() []byte {
	n := r.count()
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reading) text() string { return string(r.bytes()) }

func (r *reading) texts() []string {
	var texts []string
	for n := r.count(); n > 0 && !r.faulty; n-- {
		texts = append(texts, r.text())
	}
	return texts
}

func (r *reading) target() (t Target) {
	t.Everyone = r.byte() == 1
	for _, names := range []*[]string{&t.Rooms, &t.Users, &t.IDs, &t.ExceptRooms, &t.ExceptUsers, &t.ExceptIDs} {
		*names = r.texts()
	}
	return t
}
