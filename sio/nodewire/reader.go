package nodewire

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/seed52a35d2d/realtime-server/sio/parser"
)

// reader reads one message. Its methods take parts of the message's text; the
// first fault stays in err, and what is read after it does not count.
type reader struct {
	attachments [][]byte // those that are not taken yet
	items       int      // how many more there may be
	err         error
}

// open makes JSON of a message. Every server tells the two encodings apart by
// the first byte, and writes objects only where it writes JSON.
func open(msg []byte, l Limits) (text []byte, r *reader, err error) {
	if len(msg) > l.Bytes {
		return nil, nil, ErrLimit
	}
	r = &reader{items: l.Items}
	if len(msg) == 0 || msg[0] != '{' {
		text, r.attachments, err = parser.FromMsgpack(msg, parser.Limits{Attachments: l.Attachments, Depth: parser.MaxDepth})
		if err != nil {
			return nil, nil, payloadError(err)
		}
		return text, r, nil
	}
	if !utf8.Valid(msg) {
		msg = bytes.ToValidUTF8(msg, []byte("\uFFFD"))
	}
	if !json.Valid(msg) {
		return nil, nil, ErrFormat
	}
	return msg, r, nil
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// take counts n of what Limits.Items allows.
func (r *reader) take(n int) bool {
	if r.items < n {
		r.items = 0
		r.fail(ErrLimit)
		return false
	}
	r.items -= n
	return true
}

// object calls member for the members of an object. What is missing has none.
func (r *reader) object(v []byte, member func(key string, v []byte)) {
	if !parser.Members(v, member) && !isNull(v) {
		r.fail(ErrFormat)
	}
}

// array is object for the elements of an array. They count as items.
func (r *reader) array(v []byte, element func(v []byte)) {
	ok := parser.Elements(v, func(v []byte) {
		if r.take(1) {
			element(v)
		}
	})
	if !ok && !isNull(v) {
		r.fail(ErrFormat)
	}
}

// pick finds the values of an object's members by their keys; nil is missing. Of
// repeated keys the last one counts, as it does for JSON.parse.
func (r *reader) pick(v []byte, keys ...string) [][]byte {
	found := make([][]byte, len(keys))
	r.object(v, func(key string, v []byte) {
		if i := slices.Index(keys, key); i >= 0 {
			found[i] = v
		}
	})
	return found
}

// text reads a string, which is empty if it is missing.
func (r *reader) text(v []byte) string {
	s, ok := parser.Unquote(v)
	if !ok && !isNull(v) {
		r.fail(ErrFormat)
	}
	return s
}

// count reads a number of something.
func (r *reader) count(v []byte) int {
	n, err := strconv.ParseUint(string(v), 10, 31)
	if err != nil {
		r.fail(ErrFormat)
	}
	return int(n)
}

// names reads a list of rooms.
func (r *reader) names(v []byte) []string { return r.namesOf(v, func() {}) }

// namesOf reads a list of rooms and calls each for all of its elements. Node
// keeps 7 and "7" apart; here they are one name. What is neither a string nor a
// number is the name of nothing here.
func (r *reader) namesOf(v []byte, each func()) (names []string) {
	r.array(v, func(v []byte) {
		each()
		name, ok := name(v)
		if again := len(names) > 0 && names[len(names)-1] == name; ok && !again {
			names = append(names, name)
		}
	})
	return names
}

// name is the string or number that v is.
func name(v []byte) (string, bool) {
	if isNumber(v) {
		return string(v), true
	}
	return parser.Unquote(v)
}

// event reads the array of an event's name and arguments.
func (r *reader) event(v []byte) (called string, args []parser.Arg) {
	first := true
	r.array(v, func(v []byte) {
		if first {
			var ok bool
			if called, ok = name(v); !ok {
				r.fail(ErrEvent)
			}
			first = false
			return
		}
		args = append(args, r.arg(v))
	})
	if first {
		r.fail(ErrEvent)
	}
	return called, args
}

// arg reads one argument with its bytes.
func (r *reader) arg(v []byte) parser.Arg {
	arg, err := parser.TakeArg(v, r.attachments)
	if err != nil {
		r.fail(ErrFormat)
	}
	return arg
}

// answer reads the one argument of an answer, which may be missing.
func (r *reader) answer(v []byte) []parser.Arg {
	if v == nil {
		return nil
	}
	return []parser.Arg{r.arg(v)}
}

// packet reads the packet of an event for clients: {type, data}, and nsp in the
// classic dialect. Version 2 of Socket.IO says BINARY_EVENT if there are bytes.
func (r *reader) packet(v []byte, m *Message) (namespace []byte) {
	f := r.pick(v, "type", "data", "nsp")
	switch r.count(f[0]) {
	case int(parser.Event), int(parser.BinaryEvent):
	default:
		r.fail(ErrFormat)
	}
	m.Name, m.Args = r.event(f[1])
	r.clientEvent(m)
	return f[2]
}

// clientEvent checks what only events for clients have to keep.
func (r *reader) clientEvent(m *Message) {
	if parser.Reserved(m.Name) {
		r.fail(ErrEvent)
	}
	n := 0
	for _, a := range m.Args {
		n += len(a.Attachments)
		if a.Binary != nil {
			n++
		}
	}
	if n > parser.MaxAttachments {
		r.fail(ErrLimit)
	}
}

// isNull reports whether a value is missing: null is how some write that.
func isNull(v []byte) bool { return len(v) == 0 || string(v) == "null" }

// truthy is what JavaScript takes for true.
func truthy(v []byte) bool {
	switch string(v) {
	case "", "null", "false", "0", "-0", `""`:
		return false
	}
	return true
}

func isNumber(v []byte) bool {
	return len(v) > 0 && (v[0] == '-' || '0' <= v[0] && v[0] <= '9')
}
