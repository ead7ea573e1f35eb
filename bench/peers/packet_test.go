package peers

import (
	"strings"

	"pgregory.net/rapid"

	"github.com/seed52a35d2d/realtime-server/sio/parser"
)

// packet is what a message and its attachments mean, whoever reads them.
type packet struct {
	Type      byte // as on the wire: '0' to '6'
	Namespace string
	ID        uint64
	HasID     bool
	// Value is the payload as encoding/json decodes it, with []byte where
	// attachments belong; nil if there is none.
	Value any
}

// The types as they stand on the wire.
const (
	connect      = '0'
	disconnect   = '1'
	event        = '2'
	ack          = '3'
	connectError = '4'
	binaryEvent  = '5'
	binaryAck    = '6'
)

// anyPacket generates packets of all seven types. EVENT and ACK are the binary
// types where their payload holds bytes.
var anyPacket = rapid.Custom(func(t *rapid.T) packet {
	p := packet{Namespace: namespaces.Draw(t, "namespace")}
	switch p.Type = rapid.SampledFrom([]byte{connect, disconnect, event, ack, connectError}).Draw(t, "type"); p.Type {
	case connect:
		if rapid.Bool().Draw(t, "auth") {
			p.Value = objects(plain).Draw(t, "payload")
		}
	case connectError:
		p.Value = rapid.OneOf(objects(plain).AsAny(), texts.AsAny()).Draw(t, "payload")
	case event:
		p.HasID = rapid.Bool().Draw(t, "wants ack")
		name := texts.Filter(func(s string) bool { return !reserved(s) }).Draw(t, "name")
		p.Value = append([]any{name}, arrays(withBytes).Draw(t, "args")...)
	case ack:
		p.HasID = true
		p.Value = arrays(withBytes).Draw(t, "args")
	}
	if p.HasID {
		p.ID = rapid.Uint64Range(0, 1<<53-1).Draw(t, "id")
	}
	if countBytes(p.Value) > 0 {
		p.Type += binaryEvent - event
	}
	return p
}).Filter(func(p packet) bool { return countBytes(p.Value) <= parser.MaxAttachments })

var (
	namespaces = rapid.OneOf(rapid.Just("/"), rapid.StringMatching(`/[^,]{1,10}`).Filter(noControl))
	texts      = rapid.String()
	scalars    = rapid.OneOf(
		rapid.Just[any](nil),
		rapid.Bool().AsAny(),
		texts.AsAny(),
		rapid.Float64().AsAny(),
		rapid.Map(rapid.Int32(), func(i int32) float64 { return float64(i) }).AsAny(),
	)
	// plain are values without bytes.
	plain = values(scalars)
	// withBytes are values with bytes here and there.
	withBytes = values(rapid.OneOf(scalars, rapid.SliceOf(rapid.Byte()).AsAny()))
)

func values(leaves *rapid.Generator[any]) *rapid.Generator[any] {
	return rapid.OneOf(leaves, arrays(leaves).AsAny(), objects(rapid.OneOf(leaves, arrays(leaves).AsAny())).AsAny())
}

func arrays(elements *rapid.Generator[any]) *rapid.Generator[[]any] {
	return rapid.SliceOfN(elements, 0, 4)
}

func objects(members *rapid.Generator[any]) *rapid.Generator[map[string]any] {
	keys := rapid.OneOf(texts, rapid.SampledFrom([]string{"num", "a,b]", `"`}))
	return rapid.MapOfN(keys, members, 0, 4)
}

func noControl(s string) bool { return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' }) }

func reserved(name string) bool {
	switch name {
	case "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener":
		return true
	}
	return false
}

// countBytes counts how often bytes stand in a value.
func countBytes(value any) int {
	n := 0
	replace(value, func(v any) any {
		if _, isBytes := v.([]byte); isBytes {
			n++
		}
		return v
	})
	return n
}

// replace copies a value, with what by says for every value in it. What by
// has changed is not entered.
func replace(value any, by func(any) any) any {
	switch v := by(value).(type) {
	case []any:
		array := make([]any, len(v))
		for i := range v {
			array[i] = replace(v[i], by)
		}
		return array
	case map[string]any:
		object := make(map[string]any, len(v))
		for key := range v {
			object[key] = replace(v[key], by)
		}
		return object
	default:
		return v
	}
}
