package peers

import (
	"encoding/json"
	"errors"

	ours "github.com/seed52a35d2d/realtime-server/sio/parser"
)

// maxAttachments is the limit of our decoder; theirs has none.
const maxAttachments = 100

// decodeOurs reads a message, and as many attachments as it asks for, with our
// decoder, down to the arguments.
func decodeOurs(text string, attachments [][]byte) (packet, error) {
	decoder := ours.Decoder{Limits: ours.Limits{Attachments: maxAttachments, Depth: ours.MaxDepth}}
	decoded, err := decoder.Text([]byte(text))
	for i := 0; err == nil && decoded == nil; i++ {
		if i == len(attachments) {
			return packet{}, errWaits
		}
		decoded, err = decoder.Binary(attachments[i])
	}
	if err != nil {
		return packet{}, err
	}
	return fromOurs(decoded)
}

func fromOurs(decoded *ours.Packet) (p packet, err error) {
	p = packet{Type: '0' + byte(decoded.Type), Namespace: decoded.Namespace, ID: decoded.ID, HasID: decoded.HasID}
	switch decoded.Type {
	case ours.Event, ours.BinaryEvent:
		var name string
		var args []ours.Arg
		if name, args, err = decoded.Event(); err == nil {
			p.Value, err = fromArgs([]any{name}, args)
		}
	case ours.Ack, ours.BinaryAck:
		var args []ours.Arg
		if args, err = decoded.Args(); err == nil {
			p.Value, err = fromArgs([]any{}, args)
		}
	default:
		if decoded.Data != nil {
			err = unmarshal(decoded.Data, &p.Value)
		}
	}
	return p, err
}

func fromArgs(values []any, args []ours.Arg) ([]any, error) {
	for _, arg := range args {
		if arg.Binary != nil {
			values = append(values, arg.Binary)
			continue
		}
		var value any
		if err := unmarshal(arg.JSON, &value); err != nil {
			return nil, err
		}
		values = append(values, replace(value, func(v any) any {
			object, _ := v.(map[string]any)
			num, _ := object["num"].(float64)
			if object["_placeholder"] != true || len(arg.Attachments) == 0 {
				return v
			}
			return arg.Attachments[int(num)]
		}))
	}
	return values, nil
}

// errNumber is the error of JSON with a number that no float64 holds.
var errNumber = errors.New("number out of range")

func unmarshal(data []byte, value *any) error {
	err := json.Unmarshal(data, value)
	if _, mismatch := errors.AsType[*json.UnmarshalTypeError](err); mismatch {
		return errNumber // any takes all else
	}
	return err
}

// encodeOurs writes a packet with our encoder.
func encodeOurs(p packet) (text string, attachments [][]byte, err error) {
	out := &ours.Packet{Type: ours.Type(p.Type - '0'), Namespace: p.Namespace, ID: p.ID, HasID: p.HasID}
	array, _ := p.Value.([]any)
	switch p.Type {
	case event, binaryEvent:
		name, _ := array[0].(string)
		out, err = ours.NewEvent(p.Namespace, name, toArgs(array[1:]))
	case ack, binaryAck:
		out, err = ours.NewAck(p.Namespace, p.ID, toArgs(array))
	default:
		if p.Value != nil {
			out.Data, err = json.Marshal(p.Value)
		}
	}
	if err != nil {
		return "", nil, err
	}
	out.ID, out.HasID = p.ID, p.HasID
	return string(ours.Append(nil, out)), out.Attachments, nil
}

func toArgs(values []any) []ours.Arg {
	args := make([]ours.Arg, len(values))
	for i, value := range values {
		if bytes, isBytes := value.([]byte); isBytes {
			args[i].Binary = bytes
			continue
		}
		value = replace(value, func(v any) any {
			bytes, isBytes := v.([]byte)
			if !isBytes {
				return v
			}
			args[i].Attachments = append(args[i].Attachments, bytes)
			return map[string]any{"_placeholder": true, "num": float64(len(args[i].Attachments) - 1)}
		})
		args[i].JSON, _ = json.Marshal(value) // was made of JSON
	}
	return args
}
