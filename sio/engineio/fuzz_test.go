package engineio

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// hear feeds bytes to a new decoder, in pieces of a size, and notes what it hears.
func hear(rules wsRules, p []byte, size int) (heard string, err error) {
	var d wsDecoder
	var b bytes.Buffer
	for len(p) > 0 && err == nil {
		n := min(size, len(p))
		piece := bytes.Clone(p[:n]) // the decoder must not keep it
		err = d.feed(piece, rules, func(op ws.OpCode, payload []byte) error {
			if op == ws.OpText && !utf8.Valid(payload) {
				return errors.New("text that is not UTF-8")
			}
			if len(payload) > rules.max {
				return errors.New("message over the limit")
			}
			fmt.Fprintf(&b, "%d:%x\n", op, payload)
			return nil
		})
		clear(piece)
		p = p[n:]
	}
	if err != nil && d.state != nil {
		err = errors.New("a decoder at its end holds memory")
	}
	return b.String(), err
}

// FuzzWebSocket checks that it makes no difference in which pieces bytes come,
// and compares unfragmented frames with what the library reads.
func FuzzWebSocket(f *testing.F) {
	f.Add([]byte("\x81\x82\x01\x02\x03\x0458"), uint8(1))
	f.Add([]byte("\x01\x81\x00\x00\x00\x00a\x89\x80\x00\x00\x00\x00\x80\x81\x00\x00\x00\x00b"), uint8(3))
	f.Add([]byte("\x82\xfe\x00\x80\x00\x00\x00\x00aaaaaaaaaaaaaaaaaaaaaaaaaaaa"), uint8(7))
	f.Add([]byte("\x88\x82\x00\x00\x00\x00\x03\xe8"), uint8(2))
	f.Fuzz(func(t *testing.T, p []byte, size uint8) {
		whole, wholeErr := hear(wsRules{max: 200}, p, len(p)+1)
		pieces, piecesErr := hear(wsRules{max: 200}, p, int(size)+1)
		if whole != pieces || (wholeErr == nil) != (piecesErr == nil) {
			t.Fatalf("whole: %q %v\npieces: %q %v", whole, wholeErr, pieces, piecesErr)
		}
		var breach *wsError
		if wholeErr != nil && !errors.As(wholeErr, &breach) {
			t.Fatal(wholeErr)
		}
		r := bytes.NewReader(p)
		header, err := ws.ReadHeader(r)
		if err != nil || !header.Fin || !header.Masked || header.OpCode != ws.OpBinary || header.Rsv != 0 || header.Length > 200 {
			return
		}
		payload := make([]byte, header.Length)
		if _, err := io.ReadFull(r, payload); err != nil {
			return
		}
		ws.Cipher(payload, header.Mask, 0)
		want := fmt.Sprintf("%d:%x\n", ws.OpBinary, payload)
		if !bytes.HasPrefix([]byte(whole), []byte(want)) {
			t.Fatalf("heard %q, the library %q", whole, want)
		}
	})
}

// decodeBody reads all packets of a polling body.
func decodeBody(body []byte) (packets []packet, err error) {
	for rest := body; rest != nil && err == nil; {
		var p packet
		if p, rest, err = decodePolling(rest); err == nil {
			packets = append(packets, p)
		}
	}
	return packets, err
}

func samePacket(a, b packet) bool {
	return a.kind == b.kind && a.binary == b.binary && bytes.Equal(a.data, b.data)
}

// FuzzPollingBody checks that what was read from a body is read again from
// the body that it makes.
func FuzzPollingBody(f *testing.F) {
	f.Add([]byte("4hello"))
	f.Add([]byte("4a\x1ebAQID\x1e2"))
	f.Add([]byte("\x1e\x1e"))
	f.Add([]byte("b===="))
	f.Fuzz(func(t *testing.T, body []byte) {
		packets, err := decodeBody(body)
		if err != nil {
			return
		}
		var again []byte
		for i, p := range packets {
			switch {
			case p.binary && i == 0:
				again = appendPolling(nil, [][]byte{p.data})
			case p.binary:
				again = appendPolling(again, [][]byte{p.data})
			case i == 0:
				again = append([]byte{byte(p.kind)}, p.data...)
			default:
				again = append(append(again, separator, byte(p.kind)), p.data...)
			}
		}
		if repeated, err := decodeBody(again); err != nil || !slices.EqualFunc(packets, repeated, samePacket) {
			t.Fatalf("%q gave %v; again %v, %v", body, packets, repeated, err)
		}
	})
}
