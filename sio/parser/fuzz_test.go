package parser

import (
	"bytes"
	"encoding/json"
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
		d := Decoder{MaxAttachments: 3}
		p, err := d.Text(text)
		for range 3 {
			if err == nil && p == nil {
				p, err = d.Binary(attachment)
			}
		}
		if err != nil {
			return
		}
		again := Decoder{MaxAttachments: 3}
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
