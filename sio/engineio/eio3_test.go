package engineio

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

func TestUTF16(t *testing.T) {
	for _, text := range []string{"", "plain", "ünï", "漢字", "🙂👩‍👩‍👧", "a🙂b\x00\u2028"} {
		units := len(utf16.Encode([]rune(text)))
		if got := utf16Length([]byte(text)); got != units {
			t.Errorf("utf16Length(%q) = %d, want %d", text, got, units)
		}
		if size, ok := utf16Prefix([]byte(text+"🙂"), units); size != len(text) || !ok {
			t.Errorf("utf16Prefix(%q…, %d) = %d, %v, want %d", text, units, size, ok, len(text))
		}
		if size, ok := utf16Prefix([]byte(text), units+1); ok {
			t.Errorf("utf16Prefix(%q, %d) = %d, where there are only %d", text, units+1, size, units)
		}
	}
	if size, ok := utf16Prefix([]byte("🙂"), 1); ok {
		t.Errorf("a surrogate pair was cut after %d bytes", size)
	}
}

func TestLengthsOfEngineIO3(t *testing.T) {
	for digits, want := range map[string]int{
		"0": 0, "7": 7, "12": 12, "007": 7, "999999999": 999_999_999,
		"": -1, "1000000000": -1, "-1": -1, "+1": -1, " 1": -1, "1 ": -1, "1e1": -1, "0x1": -1, "1.5": -1, "x": -1,
	} {
		if got, ok := length3([]byte(digits), '0'); ok != (want >= 0) || ok && got != want {
			t.Errorf("length3(%q) = %d, %v, want %d", digits, got, ok, want)
		}
	}
}

// TestFramesOfEngineIO3 has one frame go to receivers of every kind. Each form
// is made once.
func TestFramesOfEngineIO3(t *testing.T) {
	f := NewFrame([]byte("5🙂"), [][]byte{{1, 2, 3}, {}}, Options{})
	for _, test := range []struct {
		w               wire
		websocket, body string
	}{
		{wire4, "\x81\x064" + "5🙂" + "\x82\x03\x01\x02\x03" + "\x82\x00", "45🙂\x1ebAQID\x1eb"},
		{wire3, "\x81\x064" + "5🙂" + "\x82\x04\x04\x01\x02\x03" + "\x82\x01\x04", "\x00\x06\xff45🙂\x01\x04\xff\x04\x01\x02\x03\x01\x01\xff\x04"},
		{wire3Base64, "\x81\x064" + "5🙂" + "\x81\x06b4AQID" + "\x81\x02b4", "4:45🙂6:b4AQID2:b4"},
	} {
		for range 2 {
			if got := f.onWebSocket(test.w); string(got) != test.websocket {
				t.Errorf("on a WebSocket of wire %d: %q, want %q", test.w, got, test.websocket)
			}
			if got := test.w.toBody(f); string(got) != test.body {
				t.Errorf("in a body of wire %d: %q, want %q", test.w, got, test.body)
			}
		}
		if first, again := f.onWebSocket(test.w), f.onWebSocket(test.w); &first[0] != &again[0] {
			t.Errorf("wire %d: encoded twice", test.w)
		}
	}
	deflated := func(f *Frame, w wire) []byte { return deflaterForTest(1).bytes(f, w, fullWindow) }
	large := NewFrame(bytes.Repeat([]byte("large "), 100), [][]byte{make([]byte, 100)}, Options{})
	for w := range wires {
		if first, again := deflated(large, w), deflated(large, w); &first[0] != &again[0] {
			t.Errorf("wire %d: compressed twice", w)
		}
	}
	plain := NewFrame([]byte("2[]"), nil, Options{})
	if &plain.onWebSocket(wire3)[0] != &plain.onWebSocket(wire4)[0] {
		t.Error("text without attachments is encoded for Engine.IO 3")
	}
	plain = NewFrame(bytes.Repeat([]byte("large "), 100), nil, Options{})
	if &deflated(plain, wire3)[0] != &deflated(plain, wire4)[0] {
		t.Error("text without attachments is compressed for Engine.IO 3")
	}
	if pong := controlFrame(ws.OpPong, nil); string(deflaterForTest(0).bytes(pong, wire3, fullWindow)) != "\x8a\x00" {
		t.Error("a control frame is not what it was")
	}
}

// decodePayload reads all packets of a payload.
func decodePayload(w wire, payload []byte, binary bool) (packets []packet, err error) {
	for rest := payload; rest != nil && err == nil; {
		var p packet
		if p, rest, err = w.fromBody(rest, binary); err == nil {
			packets = append(packets, p)
		}
	}
	return packets, err
}

// frameOf is the frame that carries a client's packet back.
func frameOf(p packet) *Frame {
	if p.binary {
		return NewBinaryFrame(p.data, Options{})
	}
	return packetFrame(p.kind, p.data)
}

// FuzzPayload3 checks that what was read from a payload of Engine.IO 3 is read
// again from the payloads that are made of it.
func FuzzPayload3(f *testing.F) {
	for _, text := range []string{"6:4hello", "7:4one 🙂0:10:b4AQL/AAEC4:4two", "1:21:3", "2:4🙂", "9999999999:4", "b", ""} {
		f.Add([]byte(text), false)
	}
	for _, bytes := range []string{"\x00\x06\xff4hello\x01\x04\xff\x04\x01\x02\xff", "\x01\x01\xff\x07", "\x00\x09\x09\xff4", "\x00\xff"} {
		f.Add([]byte(bytes), true)
	}
	f.Fuzz(func(t *testing.T, payload []byte, binary bool) {
		if !binary && !utf8.Valid(payload) {
			return // receiveBody has refused it
		}
		packets, err := decodePayload(wire3, payload, binary)
		if err != nil {
			return
		}
		packets = slices.DeleteFunc(packets, func(p packet) bool {
			return p.binary && p.kind != packetMessage // servers do not send these
		})
		var frames []*Frame
		for _, p := range packets {
			if !p.binary && !utf8.Valid(p.data) {
				t.Fatalf("%q gave text that is not UTF-8: %q", payload, p.data)
			}
			frames = append(frames, frameOf(p))
		}
		for _, w := range []wire{wire3, wire3Base64} {
			if len(frames) == 0 {
				continue
			}
			again := w.toBody(frames...)
			repeated, err := decodePayload(w, again, w.contentType(again) == binaryContent)
			if err != nil || !slices.EqualFunc(packets, repeated, samePacket) {
				t.Fatalf("%q gave %v, then %q; again %v, %v", payload, packets, again, repeated, err)
			}
			hearAgain(t, w, packets, frames)
		}
	})
}

// hearAgain checks that packets survive the way over a WebSocket.
func hearAgain(t *testing.T, w wire, packets []packet, frames []*Frame) {
	t.Helper()
	for i, f := range frames {
		r := bytes.NewReader(f.onWebSocket(w))
		header, err := ws.ReadHeader(r)
		if err != nil || header.Length != int64(r.Len()) {
			t.Fatalf("%v: a header for %d bytes, where there are %d, %v", packets[i], header.Length, r.Len(), err)
		}
		payload := make([]byte, r.Len())
		_, _ = r.Read(payload) // has them
		p, err := w.fromWebSocket(header.OpCode, payload)
		if err != nil || !samePacket(p, packets[i]) {
			t.Fatalf("%v became %v, %v", packets[i], p, err)
		}
	}
}

// TestPayloadOfManyPackets reads a payload of very many packets.
func TestPayloadOfManyPackets(t *testing.T) {
	const count = 100_000
	packets, err := decodePayload(wire3, []byte(strings.Repeat("0:", count)+strings.Repeat("1:2", count)), false)
	if err != nil || len(packets) != 2*count {
		t.Fatalf("%d packets, %v", len(packets), err)
	}
}
