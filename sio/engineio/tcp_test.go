package engineio

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/httphead"
	"github.com/gobwas/ws"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/seed52a35d2d/realtime-server/sio/siotest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorder is a Handler that keeps what it hears for a test to wait for.
type recorder struct {
	sessions chan *Session
	messages chan string
	closed   chan Reason
}

func newRecorder() *recorder {
	return &recorder{make(chan *Session, 100), make(chan string, 100_000), make(chan Reason, 100)}
}

func (r *recorder) Open(s *Session, _ *Handshake) Receiver {
	r.sessions <- s
	return r
}

func (r *recorder) Message(m Message) error {
	r.messages <- string(m.Data)
	return nil
}

func (*recorder) Opened() {}

func (r *recorder) Closed(reason Reason) { r.closed <- reason }

// serveTCP starts a server on a real socket, where writes are tried without
// waiting.
func serveTCP(tb testing.TB, change func(*Config)) (*recorder, string) {
	tb.Helper()
	cfg := DefaultConfig()
	cfg.CloseTimeout = time.Second
	cfg.EventLoop = siotest.EventLoop()
	change(&cfg)
	r := newRecorder()
	server, err := New(cfg, r, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		tb.Fatal(err)
	}
	listener := httptest.NewServer(server)
	tb.Cleanup(listener.Close)
	tb.Cleanup(func() { server.Close(context.Background()) })
	return r, strings.TrimPrefix(listener.URL, "http://")
}

// dial opens a WebSocket and reads the OPEN packet.
func dial(tb testing.TB, address string, offers ...httphead.Option) net.Conn {
	tb.Helper()
	dialer := ws.Dialer{Extensions: offers}
	conn, early, _, err := dialer.Dial(context.Background(), "ws://"+address+"/?EIO=4&transport=websocket")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close() })
	if early != nil { // the OPEN packet came with the handshake
		if _, err := io.Copy(io.Discard, io.LimitReader(early, int64(early.Buffered()))); err != nil {
			tb.Fatal(err)
		}
		return conn
	}
	if got := readFrame(tb, conn); !strings.HasPrefix(string(got), "0{") {
		tb.Fatalf("first packet %q", got)
	}
	return conn
}

func readFrame(tb testing.TB, r io.Reader) []byte {
	tb.Helper()
	header, err := ws.ReadHeader(r)
	if err != nil {
		tb.Fatal(err)
	}
	payload := make([]byte, header.Length)
	if _, err := io.ReadFull(r, payload); err != nil {
		tb.Fatal(err)
	}
	return payload
}

// TestSlowReaderGetsEverythingInOrder fills the kernel's buffers while the
// client does not read: partial writes, a queue and a writing goroutine.
func TestSlowReaderGetsEverythingInOrder(t *testing.T) {
	const senders, each = 4, 500
	r, address := serveTCP(t, func(cfg *Config) { cfg.MaxQueue = 1 << 30 })
	conn := dial(t, address)
	session := <-r.sessions
	var sending sync.WaitGroup
	for sender := range senders {
		sending.Go(func() {
			for n := range each {
				text := make([]byte, 16<<10)
				binary.BigEndian.PutUint32(text, uint32(sender))
				binary.BigEndian.PutUint32(text[4:], uint32(n))
				if err := session.Send(NewFrame(text, [][]byte{text[:100]}, Options{})); err != nil {
					t.Error(err)
				}
			}
		})
	}
	sending.Wait()
	var next [senders]uint32
	for range senders * each {
		text, attachment := readFrame(t, conn)[1:], readFrame(t, conn)
		sender, n := binary.BigEndian.Uint32(text), binary.BigEndian.Uint32(text[4:])
		if n != next[sender] || !bytes.Equal(text[:100], attachment) {
			t.Fatalf("sender %d: got %d, want %d", sender, n, next[sender])
		}
		next[sender]++
	}
}

// TestSlowConsumerIsClosed sends to a client that reads nothing, beside one
// that does.
func TestSlowConsumerIsClosed(t *testing.T) {
	r, address := serveTCP(t, func(cfg *Config) { cfg.MaxQueue = 1 << 20 })
	dial(t, address)
	slow := <-r.sessions
	reader := dial(t, address)
	fast := <-r.sessions
	frame := NewFrame(make([]byte, 64<<10), nil, Options{})
	var err error
	for n := 0; err == nil; n++ {
		if n > 10_000 {
			t.Fatal("600 MB were queued for a client that reads nothing")
		}
		if err := fast.Send(frame); err != nil {
			t.Fatal(err)
		}
		readFrame(t, reader)
		err = slow.Send(frame)
	}
	if reason := <-r.closed; reason != SlowConsumer {
		t.Errorf("closed for %v (%v), want %v", reason, err, SlowConsumer)
	}
	slow.mu.Lock()
	defer slow.mu.Unlock()
	if len(slow.out.frames) > 0 {
		t.Errorf("%d frames are still queued", len(slow.out.frames))
	}
}

// TestManyMessagesArriveInOrder sends as fast as it can, in pieces that have
// nothing to do with frames.
func TestManyMessagesArriveInOrder(t *testing.T) {
	const count = 20_000
	r, address := serveTCP(t, func(*Config) {})
	conn := dial(t, address)
	var stream bytes.Buffer
	for n := range count {
		frame := ws.MaskFrameInPlaceWith(ws.NewTextFrame(fmt.Appendf(nil, "4%d", n)), [4]byte{9, 8, 7, byte(n)})
		if err := ws.WriteFrame(&stream, frame); err != nil {
			t.Fatal(err)
		}
	}
	go func() {
		for stream.Len() > 0 {
			if _, err := conn.Write(stream.Next(977)); err != nil {
				return // the messages that lack will tell
			}
		}
	}()
	for n := range count {
		if got := <-r.messages; got != fmt.Sprint(n) {
			t.Fatalf("got %q, want %d", got, n)
		}
	}
}

// TestTallyDecidesEveryCopy counts copies that are written, that expire in a
// queue, that are dropped with the session, and that come too late.
func TestTallyDecidesEveryCopy(t *testing.T) {
	r, address := serveTCP(t, func(cfg *Config) { cfg.MaxQueue = 1 << 30 })
	conn := dial(t, address)
	session := <-r.sessions
	tally := NewTally(4)
	send := func(options Options) error {
		options.Tally = tally
		return session.Send(NewFrame([]byte("x"), nil, options))
	}
	if err := send(Options{}); err != nil {
		t.Fatal(err)
	}
	for busy := false; !busy; { // until frames wait behind the kernel's buffers
		if err := session.Send(NewFrame(make([]byte, 1<<20), nil, Options{})); err != nil {
			t.Fatal(err)
		}
		session.mu.Lock()
		busy = len(session.out.frames) > 3
		session.mu.Unlock()
	}
	if err := send(Options{Volatile: true}); err != nil {
		t.Fatal(err)
	}
	if err := send(Options{Expires: time.Now()}); err != nil {
		t.Fatal(err)
	}
	session.mu.Lock()
	waiting := session.out.bytes
	session.mu.Unlock()
	if _, err := io.CopyN(io.Discard, conn, int64(waiting)); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	<-r.closed
	if err := send(Options{}); err == nil {
		t.Error("a closed session took a frame")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	got := tally.Wait(ctx)
	// The late one may have been dropped with the session instead.
	if got.Written != 1 || got.Dropped+got.Expired != 3 || got.Dropped < 2 || got.Pending != 0 {
		t.Errorf("outcome %+v", got)
	}
}
