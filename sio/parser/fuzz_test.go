package parser

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"unicode/utf8"
)

// FuzzDecoder feeds a session's messages and checks that whatever is accepted
// survives a round trip.
func FuzzDecoder(f *testing.F) {
	f.Add([]byte(`2["hi",1]`), []byte{1})
	f.Add([]byte(`52-/a,3["x",{"_placeholder":true,"num":0}]`), []byte{0xff})
	f.Add([]byte(`431{"message":"x"}`), []byte{})
	f.Add([]byte(`450-`), []byte{})
	f.Fuzz(func(t *testing.T, text, attachment []byte) {
		if !utf8.Valid(text) {
			return // the session below has refused it
		}
		d := Decoder{Limits: Limits{Attachments: 3, Depth: MaxDepth}}
		p, err := d.Text(text)
		for range 3 {
			if err == nil && p == nil {
				p, err = d.Binary(attachment)
			}
		}
		if err != nil {
			return
		}
		again := Decoder{Limits: Limits{Attachments: 3, Depth: MaxDepth}}
		q, err := again.Text(Append(nil, p))
		for range p.Attachments {
			if err == nil && q == nil {
				q, err = again.Binary(attachment)
			}
		}
		if err != nil || !bytes.Equal(p.Data, q.Data) || p.Namespace != q.Namespace || p.ID != q.ID || p.HasID != q.HasID {
			t.Fatalf("%q: %+v came back as %+v, %v", text, p, q, err)
		}
		roundTripArgs(t, p)
	})
}

// roundTripArgs takes an event apart and puts it together again.
func roundTripArgs(t *testing.T, p *Packet) {
	t.Helper()
	if p.Type != Event && p.Type != BinaryEvent {
		return
	}
	name, args, err := p.Event()
	if err != nil {
		return
	}
	q, err := NewEvent(p.Namespace, name, args)
	if err != nil {
		t.Fatalf("%s: arguments do not encode: %v", p.Data, err)
	}
	name2, args2, err := q.Event()
	if err != nil || name2 != name || len(args2) != len(args) {
		t.Fatalf("%s became %s: %v", p.Data, q.Data, err)
	}
}

// FuzzMsgpack checks that whatever is accepted survives a round trip, and
// takes no more memory than the message accounts for.
func FuzzMsgpack(f *testing.F) {
	for _, arg := range []string{"\x01", "\xc4\x01\x07", "\x82\xa1a\xd4\x00\x00\xa1b\x90", "\xd7\x00\x00\x00\x01\x9a\xc1\xe3\xa5\xc0", "\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00", "\xd6\xff\x00\x00\x00\x01", "\xd4\x05\x07"} {
		f.Add(eventOf([]byte(arg)))
	}
	f.Add([]byte("\x82\xa4type\x01\xa3nsp\xa1/"))
	f.Fuzz(func(t *testing.T, msg []byte) {
		p, err := DecodeMsgpack(msg, Limits{3, MaxDepth})
		if err != nil {
			return
		}
		// A control character takes six times its size, a placeholder is added
		// to what is attached.
		if len(p.Data) > 6*len(msg)+3*len(`{"_placeholder":true,"num":0}`) {
			t.Fatalf("%d bytes became %d", len(msg), len(p.Data))
		}
		if !utf8.Valid(p.Data) || !utf8.ValidString(p.Namespace) {
			t.Fatalf("not UTF-8: %q %q", p.Namespace, p.Data)
		}
		q, err := DecodeMsgpack(AppendMsgpack(nil, p), Limits{3, MaxDepth})
		if err != nil || !bytes.Equal(p.Data, q.Data) || p.Namespace != q.Namespace || p.ID != q.ID || p.HasID != q.HasID ||
			!slices.EqualFunc(p.Attachments, q.Attachments, bytes.Equal) {
			t.Fatalf("%x: %+v came back as %+v, %v", msg, p, q, err)
		}
		roundTripArgs(t, p)
	})
}

// FuzzMsgpackJSON checks that the arguments of an event mean the same after
// their way through the other encoding.
func FuzzMsgpackJSON(f *testing.F) {
	f.Add([]byte(`{"b":[1,-1.5e3,18446744073709551616],"a":{"":null}}`))
	f.Add([]byte(`["\ud83d\ude42",{"_placeholder":true,"num":0},{}]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var before, after any
		if !utf8.Valid(text) || json.Unmarshal(text, &before) != nil {
			return
		}
		p, err := NewEvent("/", "e", []Arg{{JSON: text}})
		if err != nil {
			return
		}
		q, err := DecodeMsgpack(AppendMsgpack(nil, p), Limits{0, MaxDepth})
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		_, args, err := q.Event()
		if err != nil || len(args) != 1 || json.Unmarshal(args[0].JSON, &after) != nil || !reflect.DeepEqual(before, after) {
			t.Fatalf("%s became %s, %v", text, q.Data, err)
		}
	})
}

// FuzzPlaceholders compares the scan with a decoder that builds values.
func FuzzPlaceholders(f *testing.F) {
	f.Add([]byte(`[{"_placeholder":true,"num":0},{"a":{"num":1,"_placeholder":true}}]`))
	f.Add([]byte(`{"_placeholder":true,"num":0,"x":{"\u005fplaceholder":true,"num":7}}`))
	f.Add([]byte(`"{\"_placeholder\":true}"`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var value any
		if !json.Valid(text) || json.Unmarshal(text, &value) != nil {
			return
		}
		if got, want := len(placeholders(text)), countPlaceholders(value); got != want && !repeatsKeys(text) {
			t.Fatalf("%s: %d placeholders, want %d", text, got, want)
		}
		if json.Valid(text) && skipValue(text, skipSpace(text, 0)) != len(bytes.TrimRight(text, " \t\r\n")) {
			t.Fatalf("%q: value does not end at its end", text)
		}
	})
}

func countPlaceholders(value any) int {
	n := 0
	switch v := value.(type) {
	case map[string]any:
		if v["_placeholder"] == true {
			return 1
		}
		for _, member := range v {
			n += countPlaceholders(member)
		}
	case []any:
		for _, element := range v {
			n += countPlaceholders(element)
		}
	}
	return n
}

// repeatsKeys reports whether some object of the text repeats a key: a map
// forgets the members that the scan still sees.
func repeatsKeys(text []byte) bool {
	compact := &bytes.Buffer{}
	var value any
	if json.Compact(compact, text) != nil || json.Unmarshal(text, &value) != nil {
		return true
	}
	again, err := json.Marshal(value)
	return err != nil || bytes.Count(again, []byte(`:`)) != bytes.Count(compact.Bytes(), []byte(`:`))
}
