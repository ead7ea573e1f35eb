package nodewire

import (
	"errors"
	"strconv"

	"github.com/seed52a35d2d/realtime-server/sio/parser"
)

// writer puts the text of a message together.
type writer struct {
	packet parser.Packet // the text is its payload
	binary bool          // there are bytes somewhere in the message
	err    error
}

func newWriter(m *Message) *writer {
	w := &writer{binary: parser.HasBytes(m.Args...)}
	for i := range m.Sockets {
		w.binary = w.binary || parser.HasBytes(m.Sockets[i].Data)
	}
	return w
}

// raw appends JSON.
func (w *writer) raw(json string) *writer {
	w.packet.Data = append(w.packet.Data, json...)
	return w
}

// key begins a member of an object.
func (w *writer) key(key string) *writer {
	if data := w.packet.Data; data[len(data)-1] != '{' {
		w.raw(",")
	}
	return w.raw(`"` + key + `":`)
}

func (w *writer) text(s string) *writer {
	w.packet.Data = parser.AppendQuoted(w.packet.Data, s)
	return w
}

func (w *writer) number(n int64) *writer {
	w.packet.Data = strconv.AppendInt(w.packet.Data, n, 10)
	return w
}

func (w *writer) bool(b bool) { w.packet.Data = strconv.AppendBool(w.packet.Data, b) }

func (w *writer) names(names []string) *writer {
	w.raw("[")
	for i, name := range names {
		if i > 0 {
			w.raw(",")
		}
		w.text(name)
	}
	return w.raw("]")
}

// event writes the array of an event's name and arguments.
func (w *writer) event(m *Message) *writer {
	w.raw("[").text(m.Name)
	for i, arg := range m.Args {
		w.raw(",").arg(i, arg)
	}
	if m.Kind == Broadcast && len(w.packet.Attachments) > parser.MaxAttachments {
		w.err = ErrLimit
	}
	return w.raw("]")
}

// answer writes the member of an answer's argument, if it has one. Others would
// be lost: Node takes the first.
func (w *writer) answer(key string, args []parser.Arg) {
	if len(args) > 0 {
		w.key(key).arg(0, args[0])
	}
}

func (w *writer) arg(index int, arg parser.Arg) {
	err := w.packet.AppendArg(arg, w.binary)
	if bad, ok := errors.AsType[*parser.ArgError](err); ok {
		bad.Index = index
	}
	if w.err == nil {
		w.err = err
	}
}

// appendTo appends the message to dst: as JSON if it is to be and has no bytes.
func (w *writer) appendTo(dst []byte, asJSON bool) ([]byte, error) {
	switch {
	case w.err != nil:
		return nil, w.err
	case asJSON && !w.binary:
		return append(dst, w.packet.Data...), nil
	default:
		return parser.ToMsgpack(dst, w.packet.Data, w.packet.Attachments), nil
	}
}
