package engineio

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unsafe"

	"github.com/gobwas/ws"
)

// masked is a frame of a client.
func masked(fin bool, rsv byte, op ws.OpCode, payload []byte) []byte {
	frame := ws.NewFrame(op, fin, bytes.Clone(payload))
	frame.Header.Rsv = rsv
	return ws.MustCompileFrame(ws.MaskFrameInPlaceWith(frame, [4]byte{1, 2, 3, 4}))
}

// TestIdleDecoderHoldsNothing looks at what an idle connection owns, between
// frames that come whole and in pieces.
func TestIdleDecoderHoldsNothing(t *testing.T) {
	if size := unsafe.Sizeof(wsDecoder{}); size > unsafe.Sizeof(uintptr(0)) {
		t.Errorf("an idle decoder takes %d bytes", size)
	}
	var d wsDecoder
	feed := func(p []byte, idle bool) {
		t.Helper()
		err := d.feed(p, wsRules{max: 100}, func(ws.OpCode, []byte) error { return nil })
		if err != nil || (d.state == nil) != idle {
			t.Fatalf("after %x: error %v, state %+v", p, err, d.state)
		}
	}
	text := masked(true, 0, ws.OpText, []byte("hello"))
	feed(text, true)
	feed(append(bytes.Clone(text), text...), true)
	for i := range text {
		feed(text[i:i+1], i == len(text)-1)
	}
	feed(masked(false, 0, ws.OpText, []byte("hel")), false)
	feed(masked(true, 0, ws.OpPing, nil), false)
	feed(masked(true, 0, ws.OpContinuation, []byte("lo")), true)
	feed(masked(true, 0, ws.OpBinary, nil), true)
}

// TestCompressedMessages feeds compressed messages in pieces of several sizes.
func TestCompressedMessages(t *testing.T) {
	const rsv = rsv1 >> 4
	hello := stdDeflate(t, []byte("hello"))
	for name, test := range map[string]struct {
		frames [][]byte
		want   string
		code   ws.StatusCode
	}{
		"whole":                    {[][]byte{masked(true, rsv, ws.OpText, hello)}, "1:68656c6c6f\n", 0},
		"empty":                    {[][]byte{masked(true, rsv, ws.OpText, stdDeflate(t, nil))}, "1:\n", 0},
		"without a byte":           {[][]byte{masked(true, rsv, ws.OpBinary, nil)}, "2:\n", 0},
		"in fragments":             {[][]byte{masked(false, rsv, ws.OpText, hello[:3]), masked(true, 0, ws.OpPing, nil), masked(true, 0, ws.OpContinuation, hello[3:])}, "9:\n1:68656c6c6f\n", 0},
		"one after another":        {[][]byte{masked(true, rsv, ws.OpText, hello), masked(true, 0, ws.OpText, []byte("x")), masked(true, rsv, ws.OpText, hello)}, "1:68656c6c6f\n1:78\n1:68656c6c6f\n", 0},
		"a control frame":          {[][]byte{masked(true, rsv, ws.OpPing, nil)}, "", ws.StatusProtocolError},
		"a continuation":           {[][]byte{masked(false, 0, ws.OpText, nil), masked(true, rsv, ws.OpContinuation, nil)}, "", ws.StatusProtocolError},
		"another bit":              {[][]byte{masked(true, 2, ws.OpText, nil)}, "", ws.StatusProtocolError},
		"one bit too many":         {[][]byte{masked(true, rsv|2, ws.OpText, hello)}, "", ws.StatusProtocolError},
		"garbage":                  {[][]byte{masked(true, rsv, ws.OpText, []byte{7, 1, 2, 3})}, "", ws.StatusInvalidFramePayloadData},
		"no UTF-8":                 {[][]byte{masked(true, rsv, ws.OpText, stdDeflate(t, []byte{0xff}))}, "", ws.StatusInvalidFramePayloadData},
		"a bomb":                   {[][]byte{masked(true, rsv, ws.OpText, stdDeflate(t, make([]byte, 100_000)))}, "", ws.StatusMessageTooBig},
		"as large as it may be":    {[][]byte{masked(true, rsv, ws.OpBinary, stdDeflate(t, make([]byte, 200)))}, "2:" + strings.Repeat("00", 200) + "\n", 0},
		"the same, larger on wire": {[][]byte{masked(true, rsv, ws.OpBinary, stdDeflate(t, noise(200)))}, fmt.Sprintf("2:%x\n", noise(200)), 0},
	} {
		t.Run(name, func(t *testing.T) {
			for _, size := range []int{1, 7, 10_000} {
				heard, err := hear(wsRules{max: 200, deflate: true}, bytes.Join(test.frames, nil), size)
				var breach *wsError
				if code := test.code; code != 0 && (!errors.As(err, &breach) || breach.code != code) || code == 0 && err != nil {
					t.Errorf("error %v, want code %d", err, code)
				}
				if test.code == 0 && heard != test.want {
					t.Errorf("heard %q, want %q", heard, test.want)
				}
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	for name, frame := range map[string][]byte{
		"ping": masked(true, 0, ws.OpText, []byte("3")),
		"text": masked(true, 0, ws.OpText, bytes.Repeat([]byte("x"), 500)),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var d wsDecoder
			on := func(ws.OpCode, []byte) error { return nil }
			for b.Loop() {
				if err := d.feed(frame, wsRules{max: 1000}, on); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
