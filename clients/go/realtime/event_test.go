package realtime

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/structpb"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

func TestArgsOut(t *testing.T) {
	type point struct {
		X int `json:"x"`
	}
	tests := map[string]struct {
		arg  any
		want *realtimev1.Arg
	}{
		"nil":            {nil, jsonArg([]byte(`null`), nil)},
		"false":          {false, jsonArg([]byte(`false`), nil)},
		"64-bit integer": {int64(9007199254740993), jsonArg([]byte(`9007199254740993`), nil)},
		"string":         {"hi", jsonArg([]byte(`"hi"`), nil)},
		"struct":         {point{X: 1}, jsonArg([]byte(`{"x":1}`), nil)},
		"raw JSON":       {json.RawMessage(`{ "b": 1, "a": 2 }`), jsonArg([]byte(`{ "b": 1, "a": 2 }`), nil)},
		"bytes":          {[]byte{1, 2}, &realtimev1.Arg{Kind: &realtimev1.Arg_Binary{Binary: []byte{1, 2}}}},
		"no bytes":       {[]byte{}, &realtimev1.Arg{Kind: &realtimev1.Arg_Binary{Binary: []byte{}}}},
		"nested bytes": {
			Nested{JSON: json.RawMessage(`{"_placeholder":true,"num":0}`), Attachments: [][]byte{{1}}},
			jsonArg([]byte(`{"_placeholder":true,"num":0}`), [][]byte{{1}}),
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := argProto(test.arg)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got, protocmp.Transform()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestArgsIn(t *testing.T) {
	nested := Nested{JSON: json.RawMessage(`[{"_placeholder":true,"num":0}]`), Attachments: [][]byte{{1}}}
	value := &realtimev1.Arg{Kind: &realtimev1.Arg_Value{Value: structpb.NewBoolValue(true)}}
	tests := map[string]struct {
		arg  *realtimev1.Arg
		want any
	}{
		"JSON":         {jsonArg([]byte(`{"a":1}`), nil), json.RawMessage(`{"a":1}`)},
		"value":        {value, json.RawMessage(`true`)},
		"binary":       {&realtimev1.Arg{Kind: &realtimev1.Arg_Binary{Binary: []byte{1}}}, []byte{1}},
		"nested bytes": {jsonArg(nested.JSON, nested.Attachments), nested},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := argFromProto(test.arg)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecode(t *testing.T) {
	event := NewEvent("e",
		json.RawMessage(`{"text":"hi"}`),
		[]byte{1},
		Nested{JSON: json.RawMessage(`{"text":"nested","file":{"_placeholder":true,"num":0}}`), Attachments: [][]byte{{1}}},
	)
	var object struct {
		Text string `json:"text"`
	}
	if err := event.Decode(0, &object); err != nil || object.Text != "hi" {
		t.Errorf("JSON decoded to %v, error %v", object, err)
	}
	var bytes []byte
	if err := event.Decode(1, &bytes); err != nil || string(bytes) != "\x01" {
		t.Errorf("binary decoded to %v, error %v", bytes, err)
	}
	if err := event.Decode(2, &object); err != nil || object.Text != "nested" {
		t.Errorf("nested decoded to %v, error %v", object, err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	event := NewEvent("e", json.RawMessage(`"text"`), []byte{1}, 7)
	tests := []struct {
		arg  int
		into any
		want string
	}{
		{0, new(int), `event "e", argument 0: json: cannot unmarshal string into Go value of type int`},
		{1, new(string), `event "e", argument 1: binary does not fit into *string`},
		{2, new(int), `event "e", argument 2: int was not received from a client`},
		{3, new(int), `event "e" has no argument 3`},
	}
	for _, test := range tests {
		err := event.Decode(test.arg, test.into)
		if err == nil || err.Error() != test.want {
			t.Errorf("argument %d: error %v, want %s", test.arg, err, test.want)
		}
	}
}

// An event from a client can be sent on and arrives unchanged.
func TestEventsTravelThrough(t *testing.T) {
	received := &realtimev1.Event{Name: "e", Args: []*realtimev1.Arg{
		jsonArg([]byte(`{ "n": 9007199254740993 }`), nil),
		{Kind: &realtimev1.Arg_Binary{Binary: []byte{1}}},
		jsonArg([]byte(`{"_placeholder":true,"num":0}`), [][]byte{{2}}),
	}}
	event, err := eventFromProto(received)
	if err != nil {
		t.Fatal(err)
	}
	sent, err := event.proto()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(received, sent, protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
