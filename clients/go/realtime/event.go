package realtime

import (
	"encoding/json"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

// Event is a Socket.IO event, sent or received. An event that a client emitted
// can be sent on as it is.
type Event struct {
	Name string
	// Args are the arguments. Of those to send, []byte becomes binary, a
	// json.RawMessage travels byte for byte, [Nested] is JSON with bytes
	// inside, and everything else is marshalled to JSON. Received ones are
	// []byte, json.RawMessage or Nested; [Event.Decode] reads them.
	Args []any
	// Plain sends the event as it is, even to connections that have negotiated
	// compression. It saves the server useless work if the bytes are compressed
	// already.
	Plain bool
	// Volatile drops the event for connections that cannot take it at once.
	Volatile bool
	// ExpiresAfter drops copies that are still queued after this time. Zero
	// means without limit.
	ExpiresAfter time.Duration
}

// NewEvent makes an event.
func NewEvent(name string, args ...any) Event { return Event{Name: name, Args: args} }

// Nested is an argument with bytes inside of its JSON. Where JSON holds
// {"_placeholder": true, "num": N}, the client finds Attachments[N].
type Nested struct {
	JSON        json.RawMessage
	Attachments [][]byte
}

// Decode unmarshals argument i of a received event into the value that v
// points to; a binary argument needs a *[]byte. Of a [Nested] argument the
// JSON is unmarshalled, placeholders and all.
func (e Event) Decode(i int, v any) error {
	if i >= len(e.Args) {
		return fmt.Errorf("event %q has no argument %d", e.Name, i)
	}
	if err := decodeArg(e.Args[i], v); err != nil {
		return fmt.Errorf("event %q, argument %d: %w", e.Name, i, err)
	}
	return nil
}

func decodeArg(arg, v any) error {
	switch arg := arg.(type) {
	case []byte:
		dst, ok := v.(*[]byte)
		if !ok {
			return fmt.Errorf("binary does not fit into %T", v)
		}
		*dst = arg
		return nil
	case json.RawMessage:
		return json.Unmarshal(arg, v)
	case Nested:
		return json.Unmarshal(arg.JSON, v)
	default:
		return fmt.Errorf("%T was not received from a client", arg)
	}
}

func (e Event) proto() (*realtimev1.Event, error) {
	args, err := argsProto(e.Args)
	if err != nil {
		return nil, fmt.Errorf("event %q, %w", e.Name, err)
	}
	event := &realtimev1.Event{Name: e.Name, Args: args, Volatile: e.Volatile}
	if e.Plain {
		event.Compress = new(false)
	}
	if e.ExpiresAfter != 0 {
		event.ExpiresAfter = durationpb.New(e.ExpiresAfter)
	}
	return event, nil
}

func eventsProto(events []Event) ([]*realtimev1.Event, error) {
	var out []*realtimev1.Event
	for _, e := range events {
		event, err := e.proto()
		if err != nil {
			return nil, err
		}
		out = append(out, event)
	}
	return out, nil
}

func argsProto(args []any) ([]*realtimev1.Arg, error) {
	var out []*realtimev1.Arg
	for i, a := range args {
		arg, err := argProto(a)
		if err != nil {
			return nil, fmt.Errorf("argument %d: %w", i, err)
		}
		out = append(out, arg)
	}
	return out, nil
}

func argProto(arg any) (*realtimev1.Arg, error) {
	switch arg := arg.(type) {
	case []byte:
		return &realtimev1.Arg{Kind: &realtimev1.Arg_Binary{Binary: arg}}, nil
	case json.RawMessage: // not marshalled: that would compact it
		return jsonArg(arg, nil), nil
	case Nested:
		return jsonArg(arg.JSON, arg.Attachments), nil
	default:
		text, err := json.Marshal(arg)
		return jsonArg(text, nil), err
	}
}

func jsonArg(text []byte, attachments [][]byte) *realtimev1.Arg {
	return &realtimev1.Arg{Kind: &realtimev1.Arg_Json{Json: string(text)}, Attachments: attachments}
}

func eventFromProto(event *realtimev1.Event) (Event, error) {
	args, err := argsFromProto(event.GetArgs())
	if err != nil {
		return Event{}, fmt.Errorf("event %q, %w", event.GetName(), err)
	}
	return Event{Name: event.GetName(), Args: args}, nil
}

func argsFromProto(args []*realtimev1.Arg) ([]any, error) {
	var out []any
	for i, a := range args {
		arg, err := argFromProto(a)
		if err != nil {
			return nil, fmt.Errorf("argument %d: %w", i, err)
		}
		out = append(out, arg)
	}
	return out, nil
}

func argFromProto(arg *realtimev1.Arg) (any, error) {
	var text json.RawMessage
	switch kind := arg.GetKind().(type) {
	case *realtimev1.Arg_Binary:
		return kind.Binary, nil
	case *realtimev1.Arg_Json:
		text = json.RawMessage(kind.Json)
	case *realtimev1.Arg_Value:
		var err error
		if text, err = kind.Value.MarshalJSON(); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("unknown kind %T", kind)
	}
	if len(arg.GetAttachments()) > 0 {
		return Nested{JSON: text, Attachments: arg.GetAttachments()}, nil
	}
	return text, nil
}
