package service_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/seed52a35d2d/realtime-server/sio/siotest"
)

// patience is how long a test waits for what must come.
const patience = 10 * time.Second

// browser is a client that speaks Socket.IO over a WebSocket.
type browser struct {
	t    *testing.T
	conn net.Conn
	r    io.Reader
	id   int // of the last acknowledgement asked for

	patience time.Duration // for one message; zero means that of all tests
}

// open begins a session. query and header go with the handshake.
func open(t *testing.T, l *siotest.Listener, query string, header ws.HandshakeHeader) *browser {
	t.Helper()
	b := &browser{t: t, conn: l.Dial()}
	t.Cleanup(func() { b.conn.Close() })
	dialer := ws.Dialer{
		Header:  header,
		NetDial: func(context.Context, string, string) (net.Conn, error) { return b.conn, nil },
	}
	_, early, _, err := dialer.Dial(t.Context(), "ws://test/socket.io/?EIO=4&transport=websocket"+query)
	if err != nil {
		t.Fatal(err)
	}
	b.r = b.conn
	if early != nil {
		b.r = io.MultiReader(early, b.conn)
	}
	b.want("0{")
	return b
}

// join opens a session and joins the namespace "/". It returns the id.
func join(t *testing.T, l *siotest.Listener, auth string) (*browser, string) {
	t.Helper()
	b := open(t, l, "", nil)
	b.send("40" + auth)
	var welcome struct{ SID string }
	if err := json.Unmarshal([]byte(strings.TrimPrefix(b.want("40{"), "40")), &welcome); err != nil {
		t.Fatal(err)
	}
	return b, welcome.SID
}

func (b *browser) send(text string) {
	b.t.Helper()
	b.write(ws.NewTextFrame([]byte(text)))
}

func (b *browser) sendBytes(text string) {
	b.t.Helper()
	b.write(ws.NewBinaryFrame([]byte(text)))
}

func (b *browser) write(frame ws.Frame) {
	b.t.Helper()
	if err := ws.WriteFrame(b.conn, ws.MaskFrameInPlaceWith(frame, [4]byte{1, 2, 3, 4})); err != nil {
		b.t.Fatal(err)
	}
}

func (b *browser) read() (payload string, op ws.OpCode) {
	b.t.Helper()
	b.conn.SetReadDeadline(time.Now().Add(cmp.Or(b.patience, patience)))
	payload, op, err := b.readFrame()
	if err != nil {
		b.t.Fatal(err)
	}
	return payload, op
}

func (b *browser) readFrame() (payload string, op ws.OpCode, err error) {
	header, err := ws.ReadHeader(b.r)
	if err != nil {
		return "", 0, err
	}
	bytes := make([]byte, header.Length)
	_, err = io.ReadFull(b.r, bytes)
	return string(bytes), header.OpCode, err
}

// want reads the next message, which must begin with prefix.
func (b *browser) want(prefix string) string {
	b.t.Helper()
	got, _ := b.read()
	if !strings.HasPrefix(got, prefix) {
		b.t.Fatalf("got %q, want %q", got, prefix)
	}
	return got
}

// wantEnd reads a close frame.
func (b *browser) wantEnd() {
	b.t.Helper()
	if got, op := b.read(); op != ws.OpClose {
		b.t.Fatalf("got %q, want the end", got)
	}
}

// ask emits an event, given as the elements of its array, and returns the
// arguments of the acknowledgement.
func (b *browser) ask(event string) string {
	b.t.Helper()
	b.id++
	b.send(fmt.Sprintf("42%d[%s]", b.id, event))
	prefix := fmt.Sprintf("43%d", b.id)
	return strings.TrimPrefix(b.want(prefix), prefix)
}

// wantError asks and wants an error with this code in the acknowledgement.
func (b *browser) wantError(event, code string, temporary bool) {
	b.t.Helper()
	var ack []struct {
		Error struct {
			Code, Reason string
			Temporary    bool
		}
	}
	text := b.ask(event)
	if err := json.Unmarshal([]byte(text), &ack); err != nil {
		b.t.Fatal(err)
	}
	if len(ack) != 1 || ack[0].Error.Code != code || ack[0].Error.Reason == "" || ack[0].Error.Temporary != temporary {
		b.t.Errorf("%s: got %s, want code %s", event, text, code)
	}
}
