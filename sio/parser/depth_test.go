package parser

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/tinylib/msgp/msgp"
)

func TestDeeper(t *testing.T) {
	for _, test := range []struct {
		in    string
		depth int // of its arrays and objects
	}{
		{`1`, 0},
		{`"[[[["`, 0},
		{`"\\\"[[[["`, 0},
		{`[]`, 1},
		{`{"a":"{{{{"}`, 1},
		{`[[],[],[],[]]`, 2},
		{`[{"a":[1]},{"b":{}}]`, 3},
		{strings.Repeat(`{"a":[`, 50) + strings.Repeat(`]}`, 50), 100},
		{strings.Repeat(`[`, 100) + `"]]]"` + strings.Repeat(`]`, 100), 100},
	} {
		for _, limit := range []int{max(0, test.depth-1), test.depth, test.depth + 1} {
			if got := deeper([]byte(test.in), limit); got != (test.depth > limit) {
				t.Errorf("deeper(%.40s, %d) = %v", test.in, limit, got)
			}
		}
	}
}

// TestDepthCostsNothing: nests without end are found out while they are read,
// and deep ones that are allowed take no memory.
func TestDepthCostsNothing(t *testing.T) {
	deep := []byte(strings.Repeat(`[{"a":`, 100_000))
	if n := testing.AllocsPerRun(10, func() {
		if deeper(deep, 1<<30) || !deeper(deep, 128) {
			t.Error("deeper is wrong")
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzDeeper compares the scan with the decoder of the library.
func FuzzDeeper(f *testing.F) {
	f.Add([]byte(`[{"a":[1]},"[[\"[",{"b":{}}]`), uint8(2))
	f.Fuzz(func(t *testing.T, text []byte, limit uint8) {
		if !json.Valid(text) {
			_ = deeper(text, int(limit)) // ends
			return
		}
		depth, deepest := 0, 0
		decoder := json.NewDecoder(strings.NewReader(string(text)))
		for token, err := decoder.Token(); err == nil; token, err = decoder.Token() {
			switch token {
			case json.Delim('['), json.Delim('{'):
				depth++
				if depth > deepest {
					deepest = depth
				}
			case json.Delim(']'), json.Delim('}'):
				depth--
			}
		}
		if got := deeper(text, int(limit)); got != (deepest > int(limit)) {
			t.Fatalf("deeper(%q, %d) = %v, it is %d deep", text, limit, got, deepest)
		}
	})
}

// TestUnknownFieldsOfMsgpackMayNest: they are skipped, however deep, and
// without recursion.
func TestUnknownFieldsOfMsgpackMayNest(t *testing.T) {
	packet := func(unknown string) []byte {
		b := msgp.AppendMapHeader(nil, 3)
		b = append(msgp.AppendString(b, "unknown"), unknown...)
		b = msgp.AppendInt(msgp.AppendString(b, "type"), int(Disconnect))
		return msgp.AppendString(msgp.AppendString(b, "nsp"), "/")
	}
	for _, unknown := range []string{
		"\xc0", "\x92\x01\x02", "\x81\xa1a\x92\x01\x80", "\xd4\x05\x07", "\xc4\x02\x01\x02",
		strings.Repeat("\x91", 300_000) + "\x01",
		strings.Repeat("\x81\x01", 300_000) + "\x01",
	} {
		if p, err := DecodeMsgpack(packet(unknown), Limits{}); err != nil || p.Type != Disconnect {
			t.Errorf("%.20x: %v, %v", unknown, p, err)
		}
	}
	for _, unknown := range []string{strings.Repeat("\xdf\xff\xff\xff\xff", 1000), "\xdd\xff\xff\xff\xff\x01", "\xc1"} {
		if _, err := DecodeMsgpack([]byte("\x81\xa1u"+unknown), Limits{}); !errors.Is(err, ErrPayload) {
			t.Errorf("%.20x: %v", unknown, err)
		}
	}
}

func TestNewEventRefusesDeepArguments(t *testing.T) {
	nested := func(depth int) Arg { return Arg{JSON: []byte(strings.Repeat("[", depth) + strings.Repeat("]", depth))} }
	if _, err := NewEvent("/", "e", []Arg{nested(MaxDepth)}); err != nil {
		t.Error(err)
	}
	_, err := NewEvent("/", "e", []Arg{nested(1), nested(MaxDepth + 1)})
	var bad *ArgError
	if !errors.As(err, &bad) || bad.Index != 1 || bad.Problem != "nests deeper than 1000 arrays and objects" {
		t.Errorf("%v", err)
	}
}
