package parser

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestMsgpackValue(t *testing.T) {
	const packed = "93 a175 c4020102 82 a16b c40103 a16e cf0020000000000001"
	text, attachments, err := FromMsgpack(bytesOf(t, packed), Limits{Attachments: 2, Depth: MaxDepth})
	if err != nil {
		t.Fatal(err)
	}
	want := `["u",` + placeholderText + `,{"k":{"_placeholder":true,"num":1},"n":9007199254740993}]`
	if string(text) != want {
		t.Errorf("got %s, want %s", text, want)
	}
	if diff := cmp.Diff([][]byte{{1, 2}, {3}}, attachments); diff != "" {
		t.Errorf("attachments: -want +got\n%s", diff)
	}
	if got := hex.EncodeToString(ToMsgpack(nil, text, attachments)); got != strings.ReplaceAll(packed, " ", "") {
		t.Errorf("came back as %s", got)
	}
}

func TestMsgpackValueRefuses(t *testing.T) {
	for in, want := range map[string]error{
		"":                                       ErrPayload,
		"91":                                     ErrPayload,
		"0101":                                   ErrPayload,
		"92c400":                                 ErrPayload,
		"92c400c0":                               nil,
		"93 c400 c400 c400":                      ErrTooManyAttachments,
		"92 c400 81ac5f706c616365686f6c646572c3": ErrPlaceholder,
	} {
		if _, _, err := FromMsgpack(bytesOf(t, in), Limits{Attachments: 2, Depth: MaxDepth}); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", in, err, want)
		}
	}
}

func TestMembers(t *testing.T) {
	for _, test := range []struct {
		in   string
		want []string
	}{
		{`{}`, nil},
		{` { "a" : 1 , "b\u0063":[1,{"x":2}] ,"a":"}" } `, []string{"a", "1", "bc", `[1,{"x":2}]`, "a", `"}"`}},
		{`{"":{}}`, []string{"", "{}"}},
	} {
		var got []string
		ok := Members([]byte(test.in), func(key string, value []byte) { got = append(got, key, string(value)) })
		if diff := cmp.Diff(test.want, got); !ok || diff != "" {
			t.Errorf("%s: %t, -want +got\n%s", test.in, ok, diff)
		}
	}
	for _, in := range []string{`[]`, `"{"`, `1`, `null`} {
		if Members([]byte(in), func(string, []byte) { t.Error("called") }) {
			t.Errorf("%s passes for an object", in)
		}
	}
}

func TestElementsAndUnquote(t *testing.T) {
	var got []string
	ok := Elements([]byte(` [ 1 ,"a,]", [2] ] `), func(value []byte) { got = append(got, string(value)) })
	if diff := cmp.Diff([]string{"1", `"a,]"`, "[2]"}, got); !ok || diff != "" {
		t.Errorf("%t, -want +got\n%s", ok, diff)
	}
	if Elements([]byte(`{}`), func([]byte) {}) {
		t.Error("an object passes for an array")
	}
	if s, ok := Unquote([]byte(` "a\n\"" `)); !ok || s != "a\n\"" {
		t.Errorf("got %q, %t", s, ok)
	}
	if _, ok := Unquote([]byte(`1`)); ok {
		t.Error("a number passes for a string")
	}
}

func TestArgsOfOtherFormats(t *testing.T) {
	args := []Arg{
		{JSON: []byte(`{"a":1}`)},
		{Binary: []byte{7}},
		{JSON: []byte(`[` + placeholderText + `]`), Attachments: [][]byte{{8}}},
	}
	p := &Packet{Data: []byte(`{"args":[`)}
	for i, arg := range args {
		if i > 0 {
			p.Data = append(p.Data, ',')
		}
		if err := p.AppendArg(arg, HasBytes(args...)); err != nil {
			t.Fatal(err)
		}
	}
	p.Data = append(p.Data, `]}`...)
	var got []Arg
	Members(p.Data, func(_ string, value []byte) {
		Elements(value, func(part []byte) {
			arg, err := TakeArg(part, p.Attachments)
			if err != nil {
				t.Error(err)
			}
			got = append(got, arg)
		})
	})
	if diff := cmp.Diff(args, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if _, err := TakeArg([]byte(placeholderText), p.Attachments); !errors.Is(err, ErrPlaceholder) {
		t.Errorf("an attachment is taken twice: %v", err)
	}
	var bad *ArgError
	if err := p.AppendArg(Arg{JSON: []byte(placeholderText)}, true); !errors.As(err, &bad) {
		t.Errorf("a placeholder without bytes: %v", err)
	}
}

// FuzzMembers compares the cut with a decoder that builds values.
func FuzzMembers(f *testing.F) {
	f.Add([]byte(`{"a":{"b":[1,"}"]}, "\u0061" : null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		want := map[string]json.RawMessage{}
		if !json.Valid(text) || !utf8.Valid(text) {
			return
		}
		got := map[string]json.RawMessage{}
		if !Members(text, func(key string, value []byte) { got[key] = value }) {
			if json.Unmarshal(text, &want) == nil && strings.TrimSpace(string(text)) != "null" {
				t.Fatalf("%s is an object", text)
			}
			return
		}
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatal(err)
		}
		if len(got) != len(want) {
			t.Fatalf("%s: %d members, want %d", text, len(got), len(want))
		}
		for key, value := range want {
			if !bytes.Equal(bytes.TrimSpace(got[key]), bytes.TrimSpace(value)) {
				t.Fatalf("%s: %q is %s, want %s", text, key, got[key], value)
			}
		}
	})
}
