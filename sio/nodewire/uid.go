package nodewire

import (
	"bytes"
	"strings"
)

// EmitterUID is the sender of what redis-emitter publishes.
const EmitterUID = "emitter"

// mark begins the UIDs of our nodes. Node makes its own of letters, digits, "-"
// and "_", and compares others' only with its own.
const mark = "rt:"

// maxTag is the longest tag of a node: FromUs knows short strings.
const maxTag = 16

// UID is the sender of what the node with this tag publishes, of at most 16
// bytes.
func UID(tag string) string { return mark + tag[:min(len(tag), maxTag)] }

// Ours reports whether a UID is one of our nodes'.
func Ours(uid string) bool { return strings.HasPrefix(uid, mark) }

// FromUs reports whether a message is one that a node of ours has written, in
// either dialect. Those have the UID at their beginning, so that our other
// nodes, which have got the same on their own channels, need not read all of
// it.
func FromUs(msg []byte) bool {
	if rest, ok := bytes.CutPrefix(msg, []byte(`{"uid":"`)); ok {
		return bytes.HasPrefix(rest, []byte(mark))
	}
	if len(msg) == 0 {
		return false
	}
	rest := msg[1:]
	switch code := msg[0]; {
	case code == 0x93: // an array of three, a classic broadcast
	case code&0xf0 == 0x80: // a map
		var ok bool
		if rest, ok = bytes.CutPrefix(rest, []byte("\xa3uid")); !ok {
			return false
		}
	default:
		return false
	}
	return len(rest) > 0 && rest[0]&0xe0 == 0xa0 && bytes.HasPrefix(rest[1:], []byte(mark)) // a short string
}
