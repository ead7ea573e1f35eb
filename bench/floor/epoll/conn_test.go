//go:build linux

package main

import (
	"bytes"
	"io"
	"os"
	"testing"

	"github.com/gobwas/ws"

	"github.com/seed52a35d2d/realtime-server/bench/floor"
)

// TestPieces cuts a conversation everywhere: the answers are the same.
func TestPieces(t *testing.T) {
	in := []byte("GET / HTTP/1.1\r\nSec-WebSocket-Key: a2V5\r\nHost: h\r\n\r\n")
	long := `421["echo","` + string(bytes.Repeat([]byte("x"), 200)) + `"]`
	for _, message := range []string{"40", `420["echo",0]`, long} {
		in = append(in, ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame([]byte(message))))...)
	}
	want := bytes.Join([][]byte{
		floor.Welcome("a2V5"),
		floor.Frame(`40{"sid":"floor"}`), floor.Frame(`430[0]`), floor.Frame(`431[` + long[len(`421["echo",`):]),
	}, nil)
	for cut := range in {
		if got := converse(t, in[:cut], in[cut:]); !bytes.Equal(got, want) {
			t.Fatalf("cut at %d: %q, want %q", cut, got, want)
		}
	}
}

// converse feeds the pieces to a connection and returns what it answers.
func converse(t *testing.T, pieces ...[]byte) []byte {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	c := &conn{fd: int(w.Fd())}
	for _, piece := range pieces {
		whole := append(bytes.Clone(c.rest), piece...)
		taken, err := c.take(whole)
		if err != nil {
			t.Fatal(err)
		}
		c.rest = bytes.Clone(whole[taken:])
	}
	w.Close()
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
