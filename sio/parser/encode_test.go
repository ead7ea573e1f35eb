package parser

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAppend(t *testing.T) {
	for _, test := range []struct {
		in   Packet
		want string
	}{
		{Packet{Type: Connect, Data: []byte(`{"sid":"x"}`)}, `0{"sid":"x"}`},
		{Packet{Type: Disconnect, Namespace: "/admin"}, `1/admin,`},
		{Packet{Type: Event, Namespace: "/", Data: []byte(`["a"]`)}, `2["a"]`},
		{Packet{Type: Event, Namespace: "/c", ID: 5, HasID: true, Data: []byte(`["a"]`)}, `2/c,5["a"]`},
		{Packet{Type: Ack, Namespace: "/", HasID: true, Data: []byte(`[]`)}, `30[]`},
		{Packet{Type: Event, Namespace: "/c", Data: []byte(`["a"]`), Attachments: make([][]byte, 2)}, `52-/c,["a"]`},
		{Packet{Type: Ack, Namespace: "/", ID: 1, HasID: true, Data: []byte(`[]`), Attachments: make([][]byte, 1)}, `61-1[]`},
	} {
		if got := string(Append(nil, &test.in)); got != test.want {
			t.Errorf("Append(%v) = %s, want %s", test.in, got, test.want)
		}
	}
}

func TestNewEvent(t *testing.T) {
	one, two, three := []byte{1}, []byte{2}, []byte{3}
	for _, test := range []struct {
		name        string
		args        []Arg
		want        string
		attachments [][]byte
	}{
		{"hi", nil, `["hi"]`, nil},
		{"é\"", []Arg{{JSON: []byte(`{"b":1,"a":18446744073709551615}`)}}, `["é\"",{"b":1,"a":18446744073709551615}]`, nil},
		{"e", []Arg{{JSON: []byte(`0`)}, {JSON: []byte(`""`)}, {JSON: []byte(`false`)}, {JSON: []byte(`null`)}}, `["e",0,"",false,null]`, nil},
		{"e", []Arg{{Binary: one}, {JSON: []byte(`1`)}, {Binary: []byte{}}}, `["e",{"_placeholder":true,"num":0},1,{"_placeholder":true,"num":1}]`, [][]byte{one, {}}},
		{
			"e",
			[]Arg{{Binary: one}, {JSON: []byte(`[{"num":1,"_placeholder":true}, {"_placeholder":true,"num":0}]`), Attachments: [][]byte{two, three}}},
			`["e",{"_placeholder":true,"num":0},[{"_placeholder":true,"num":2}, {"_placeholder":true,"num":1}]]`,
			[][]byte{one, two, three},
		},
		{"plain", []Arg{{JSON: []byte(`{"_placeholder":true,"num":5}`)}}, `["plain",{"_placeholder":true,"num":5}]`, nil},
	} {
		p, err := NewEvent("/", test.name, test.args)
		if err != nil {
			t.Errorf("%s: %v", test.want, err)
			continue
		}
		if string(p.Data) != test.want {
			t.Errorf("got  %s\nwant %s", p.Data, test.want)
		}
		if diff := cmp.Diff(test.attachments, p.Attachments); diff != "" {
			t.Errorf("%s: attachments -want +got\n%s", test.want, diff)
		}
	}
}

const placeholderText = `{"_placeholder":true,"num":0}`

func TestNewEventRefuses(t *testing.T) {
	for _, test := range []struct {
		args  []Arg
		index int
	}{
		{[]Arg{{JSON: []byte(`1`)}, {}}, 1},
		{[]Arg{{JSON: []byte(`{`)}}, 0},
		{[]Arg{{JSON: []byte(`1,2`)}}, 0},
		{[]Arg{{JSON: []byte(`{"_placeholder":true,"num":1}`), Attachments: [][]byte{{1}}}}, 0},
		{[]Arg{{Binary: []byte{1}}, {JSON: []byte(`{"_placeholder":true,"num":0}`)}}, 1},
		{[]Arg{{JSON: []byte(`1`), Attachments: make([][]byte, 10)}, {Binary: []byte{1}}}, 1},
		{[]Arg{{JSON: []byte(`[` + strings.Repeat(placeholderText+`,`, 1024) + `0]`), Attachments: [][]byte{make([]byte, 2000)}}}, 0},
	} {
		_, err := NewEvent("/", "e", test.args)
		var bad *ArgError
		if !errors.As(err, &bad) || bad.Index != test.index {
			t.Errorf("NewEvent(%.100s) error = %v, want one about argument %d", test.args, err, test.index)
		}
	}
}
