package parser

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDecode(t *testing.T) {
	for _, test := range []struct {
		in   string
		want Packet
	}{
		{`0`, Packet{Type: Connect, Namespace: "/"}},
		{`0{"token":"123"}`, Packet{Type: Connect, Namespace: "/", Data: []byte(`{"token":"123"}`)}},
		{`0/admin,{"a":1}`, Packet{Type: Connect, Namespace: "/admin", Data: []byte(`{"a":1}`)}},
		{`0/admin`, Packet{Type: Connect, Namespace: "/admin"}},
		{`1`, Packet{Type: Disconnect, Namespace: "/"}},
		{`1/admin,`, Packet{Type: Disconnect, Namespace: "/admin"}},
		{`2["hi"]`, Packet{Type: Event, Namespace: "/", Data: []byte(`["hi"]`)}},
		{`2[42]`, Packet{Type: Event, Namespace: "/", Data: []byte(`[42]`)}},
		{`2/chat,12["hi",{"n":9007199254740993}]`, Packet{Type: Event, Namespace: "/chat", ID: 12, HasID: true, Data: []byte(`["hi",{"n":9007199254740993}]`)}},
		{`30[]`, Packet{Type: Ack, Namespace: "/", HasID: true, Data: []byte(`[]`)}},
		{`4{"message":"no"}`, Packet{Type: ConnectError, Namespace: "/", Data: []byte(`{"message":"no"}`)}},
		{`50-["x"]`, Packet{Type: BinaryEvent, Namespace: "/", Data: []byte(`["x"]`)}},
		{"2 [ \"hi\" ] ", Packet{Type: Event, Namespace: "/", Data: []byte(" [ \"hi\" ] ")}},
	} {
		d := Decoder{Limits: Limits{Attachments: 10, Depth: MaxDepth}}
		got, err := d.Text([]byte(test.in))
		if err != nil || got == nil {
			t.Errorf("Text(%q) = %v, %v", test.in, got, err)
			continue
		}
		if diff := cmp.Diff(test.want, *got); diff != "" {
			t.Errorf("Text(%q): -want +got\n%s", test.in, diff)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, test := range []struct {
		in   string
		want error
	}{
		{``, ErrType},
		{`7`, ErrType},
		{`a["x"]`, ErrType},
		{`2`, ErrPayload},
		{`450-`, ErrPayload},
		{`2{}`, ErrPayload},
		{`2[]`, ErrPayload},
		{`2[null]`, ErrPayload},
		{`2["x"`, ErrPayload},
		{`2["x"]]`, ErrPayload},
		{`2["connect"]`, ErrPayload},
		{`2["conn\u0065ct_error"]`, ErrPayload},
		{`2["disconnecting",1]`, ErrPayload},
		{`0[]`, ErrPayload},
		{`0"token"`, ErrPayload},
		{`1{}`, ErrPayload},
		{`3["no id"]`, ErrPayload},
		{`31`, ErrPayload},
		{`31{}`, ErrPayload},
		{`4[]`, ErrPayload},
		{`4`, ErrPayload},
		{`29007199254740992["x"]`, ErrID},
		{`299999999999999999999999["x"]`, ErrID},
		{`2-1["x"]`, ErrPayload},
		{`5["x"]`, ErrAttachments},
		{`51["x"]`, ErrAttachments},
		{`5-["x"]`, ErrAttachments},
		{`5-1-["x"]`, ErrAttachments},
		{`511-["x"]`, ErrTooManyAttachments},
		{`51000000000-["x"]`, ErrTooManyAttachments},
		{`59999999999999999-["x"]`, ErrAttachments}, // nobody counts that far
		{`51.5-["x"]`, ErrAttachments},
		{`2` + strings.Repeat("[", 100_000), ErrTooDeep},
		{`0` + strings.Repeat(`{"a":`, 100_000), ErrTooDeep},
		{`2` + strings.Repeat("[", MaxDepth), ErrPayload},
	} {
		d := Decoder{Limits: Limits{Attachments: 10, Depth: MaxDepth}}
		if got, err := d.Text([]byte(test.in)); !errors.Is(err, test.want) {
			t.Errorf("Text(%.40q) = %v, %v, want %v", test.in, got, err, test.want)
		}
	}
}

func TestDecoderOrder(t *testing.T) {
	d := Decoder{Limits: Limits{Attachments: 2, Depth: MaxDepth}}
	if _, err := d.Binary([]byte{1}); !errors.Is(err, ErrUnexpected) {
		t.Errorf("attachment without a packet: %v", err)
	}
	if p, err := d.Text([]byte(`51-["x",{"_placeholder":true,"num":0}]`)); p != nil || err != nil {
		t.Fatalf("Text = %v, %v, want to wait", p, err)
	}
	if _, err := d.Text([]byte(`2["y"]`)); !errors.Is(err, ErrUnexpected) {
		t.Errorf("text where an attachment is due: %v", err)
	}
	p, err := d.Binary([]byte{7})
	if err != nil || p == nil || len(p.Attachments) != 1 {
		t.Fatalf("Binary = %v, %v", p, err)
	}
	if p, err = d.Text([]byte(`2["z"]`)); p == nil || err != nil {
		t.Errorf("next packet: %v, %v", p, err)
	}
}

func TestEvent(t *testing.T) {
	one, two := []byte{1}, []byte{2, 2}
	for _, test := range []struct {
		in   string
		name string
		args []Arg
	}{
		{`["hi"]`, "hi", []Arg{}},
		{`[7,0]`, "7", []Arg{{JSON: []byte(`0`)}}},
		{`["\u00e9\"", null , false, "", 0 ,[1,{"a":"]"}]]`, `é"`, []Arg{
			{JSON: []byte(`null`)}, {JSON: []byte(`false`)}, {JSON: []byte(`""`)}, {JSON: []byte(`0`)}, {JSON: []byte(`[1,{"a":"]"}]`)},
		}},
		{`["b",{"_placeholder":true,"num":1},{"num":0,"_placeholder":true}]`, "b", []Arg{{Binary: two}, {Binary: one}}},
		{`["b",{"x":[{"_placeholder":true,"num":1}],"y":{"_placeholder":true,"num":0}},1]`, "b", []Arg{
			{JSON: []byte(`{"x":[{"_placeholder":true,"num":0}],"y":{"_placeholder":true,"num":1}}`), Attachments: [][]byte{two, one}},
			{JSON: []byte(`1`)},
		}},
		{`["b",{"_placeholder":false,"num":9},"{\"_placeholder\":true}"]`, "b", []Arg{
			{JSON: []byte(`{"_placeholder":false,"num":9}`)}, {JSON: []byte(`"{\"_placeholder\":true}"`)},
		}},
	} {
		p := Packet{Type: BinaryEvent, Data: []byte(test.in), Attachments: [][]byte{one, two}}
		name, args, err := p.Event()
		if err != nil || name != test.name {
			t.Errorf("%s: name %q, %v", test.in, name, err)
		}
		if diff := cmp.Diff(test.args, args); diff != "" {
			t.Errorf("%s: -want +got\n%s", test.in, diff)
		}
	}
}

func TestEventRefusesPlaceholders(t *testing.T) {
	for _, in := range []string{
		`["b",{"_placeholder":true,"num":1}]`,
		`["b",{"_placeholder":true,"num":-1}]`,
		`["b",{"_placeholder":true,"num":0.5}]`,
		`["b",{"_placeholder":true,"num":"0"}]`,
		`["b",{"_placeholder":true}]`,
		`["b",{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]`,
		`["b",[{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]]`,
		`["b",[[{"\u005fplaceholder":true,"num":99999999999999999999}]]]`,
	} {
		p := Packet{Type: BinaryEvent, Data: []byte(in), Attachments: [][]byte{{1}}}
		if _, args, err := p.Event(); !errors.Is(err, ErrPlaceholder) {
			t.Errorf("%s = %v, %v, want ErrPlaceholder", in, args, err)
		}
	}
}
