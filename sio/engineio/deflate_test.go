package engineio

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"runtime"
	"strings"
	"testing"

	"github.com/gobwas/httphead"
	"github.com/gobwas/ws"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// stdDeflate compresses a message with Go's own package.
func stdDeflate(tb testing.TB, message []byte) []byte {
	tb.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := w.Write(message); err != nil {
		tb.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		tb.Fatal(err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte(syncMarker))
}

// stdInflate decompresses a payload with Go's own package.
func stdInflate(payload []byte) ([]byte, error) {
	return io.ReadAll(flate.NewReader(io.MultiReader(bytes.NewReader(payload), strings.NewReader(inflateEnd))))
}

func deflaterForTest(threshold int) *deflater {
	return newDeflater(Compression{Enabled: true, Threshold: threshold, Level: 3}, newMetrics(prometheus.NewRegistry()).savings(WebSocket))
}

// noise is a message that cannot be compressed.
func noise(n int) []byte {
	b := make([]byte, n)
	rand.New(rand.NewSource(1)).Read(b)
	return b
}

// TestDeflateFrames compresses text and attachments, and reads what comes out
// with Go's own package.
func TestDeflateFrames(t *testing.T) {
	prose := []byte(strings.Repeat("the quick brown fox ", 10))
	for name, c := range map[string]struct {
		text        []byte
		attachments [][]byte
		compressed  string // of each message, whether it is compressed
	}{
		"text":                  {prose, nil, "y"},
		"small text":            {[]byte("hello"), nil, "n"},
		"text and attachments":  {prose, [][]byte{prose, noise(1000), {}, prose[:99]}, "yynnn"},
		"small text, large one": {[]byte("hello"), [][]byte{prose}, "ny"},
		"only noise":            {[]byte("hello"), [][]byte{noise(1000)}, "nn"},
		"large":                 {bytes.Repeat(prose, 1000), [][]byte{noise(100_000)}, "yn"},
		"empty":                 {nil, nil, "n"},
	} {
		for _, w := range []wire{wire4, wire3} { // base64 becomes smaller whatever it stands for
			t.Run(fmt.Sprintf("%s on wire %d", name, w), func(t *testing.T) {
				f := NewFrame(c.text, c.attachments, Options{})
				plain := f.onWebSocket(w)
				packed := deflaterForTest(100).bytes(f, w, fullWindow)
				if !strings.Contains(c.compressed, "y") && &packed[0] != &plain[0] {
					t.Error("a frame that gets no smaller was copied")
				}
				compareMessages(t, bytes.NewReader(plain), bytes.NewReader(packed), c.compressed)
			})
		}
	}
}

// compareMessages compares the messages of two streams, of which the second
// has those compressed that have a y.
func compareMessages(t *testing.T, plain, packed *bytes.Reader, compressed string) {
	t.Helper()
	for i, c := range compressed {
		wantHeader, want := readMessage(t, plain)
		header, got := readMessage(t, packed)
		if (header.Rsv == rsv1>>4) != (c == 'y') || header.OpCode != wantHeader.OpCode {
			t.Errorf("message %d: opcode %d, RSV %d", i, header.OpCode, header.Rsv)
		}
		if c == 'y' {
			var err error
			if got, err = stdInflate(got); err != nil {
				t.Error(err)
			}
		}
		if !bytes.Equal(got, want) {
			t.Errorf("message %d is %.20q, want %.20q", i, got, want)
		}
	}
	if plain.Len()+packed.Len() > 0 {
		t.Errorf("%d and %d bytes more", plain.Len(), packed.Len())
	}
}

func readMessage(t *testing.T, r io.Reader) (ws.Header, []byte) {
	t.Helper()
	header, err := ws.ReadHeader(r)
	if err != nil {
		t.Fatal(err)
	}
	payload := make([]byte, header.Length)
	if _, err := io.ReadFull(r, payload); err != nil {
		t.Fatal(err)
	}
	return header, payload
}

// TestWhatIsNotCompressed looks at the frames that go as they are.
func TestWhatIsNotCompressed(t *testing.T) {
	d := deflaterForTest(0)
	text := bytes.Repeat([]byte("x"), 1000)
	for name, f := range map[string]*Frame{
		"plain": NewFrame(text, nil, Options{Plain: true}),
		"pong":  controlFrame(ws.OpPong, text[:125]),
	} {
		if got := d.bytes(f, wire4, fullWindow); &got[0] != &f.websocket[0] || f.forms.Load() != nil {
			t.Errorf("%s: was compressed", name)
		}
	}
	f := NewFrame(text, nil, Options{})
	if got := d.bytes(f, wire4, 9); !bytes.Equal(got, f.websocket) {
		t.Error("a message that is larger than the client's window was compressed")
	}
	if got := d.bytes(f, wire4, 10); bytes.Equal(got, f.websocket) {
		t.Error("a message that fits into the client's window was not compressed")
	}
	if before := f.size(); before != len(f.websocket)+frameOverhead {
		t.Errorf("compression has changed the size to %d", before)
	}
}

// TestInflate holds inflate against Go's own package, and against the limit.
func TestInflate(t *testing.T) {
	withEnd := func(payload []byte) []byte { return append(bytes.Clone(payload), inflateEnd...) }
	for _, size := range []int{0, 1, 100, 999, 1000, 1001, 100_000} {
		for name, message := range map[string][]byte{"zeros": make([]byte, size), "noise": noise(size)} {
			got, err := inflate(withEnd(stdDeflate(t, message)), 1000)
			if size > 1000 {
				if !errors.Is(err, errTooBig) {
					t.Errorf("%d %s: error %v", size, name, err)
				}
				continue
			}
			if err != nil || !bytes.Equal(got, message) {
				t.Errorf("%d %s: %.10x, %v", size, name, got, err)
			}
		}
	}
}

// TestInflateBounds inflates 10 MB of zeros from 10 KB, where 1 MB is allowed.
func TestInflateBounds(t *testing.T) {
	bomb := append(stdDeflate(t, make([]byte, 10_000_000)), inflateEnd...)
	if len(bomb) > 11_000 {
		t.Fatalf("the bomb has %d bytes", len(bomb))
	}
	before := allocated()
	if _, err := inflate(bomb, 1_000_000); !errors.Is(err, errTooBig) {
		t.Errorf("error %v", err)
	}
	if grown := allocated() - before; grown > 2_500_000 {
		t.Errorf("%d bytes were allocated", grown)
	}
}

// allocated is how many bytes the program has allocated so far.
func allocated() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.TotalAlloc
}

// TestBombEndsTheSession sends it to a real server.
func TestBombEndsTheSession(t *testing.T) {
	r, address := serveTCP(t, func(cfg *Config) { cfg.WebSocketCompression.Enabled = true })
	conn := dial(t, address, deflateOffer)
	<-r.sessions
	bomb := stdDeflate(t, make([]byte, 10_000_000))
	before := allocated()
	if _, err := conn.Write(masked(true, rsv1>>4, ws.OpBinary, bomb)); err != nil {
		t.Fatal(err)
	}
	if reason := <-r.closed; reason != PayloadTooLarge {
		t.Errorf("closed for %v", reason)
	}
	if grown := allocated() - before; grown > 4_000_000 {
		t.Errorf("%d bytes were allocated", grown)
	}
	if code, _ := ws.ParseCloseFrameData(readFrame(t, conn)); code != ws.StatusMessageTooBig {
		t.Errorf("close code %d", code)
	}
}

// deflateOffer is what browsers offer.
var deflateOffer = httphead.NewOption("permessage-deflate", map[string]string{"client_max_window_bits": ""})

// FuzzCompressedMessage holds a compressed message, in fragments and pieces of
// any size, against what Go's own package makes of it.
func FuzzCompressedMessage(f *testing.F) {
	f.Add([]byte("hello hello hello"), true, uint8(3), uint8(2))
	f.Add([]byte(""), true, uint8(1), uint8(1))
	f.Add([]byte("\x33\xf1\x48\xcd\xc9\xc9\x07\x00\x00"), false, uint8(4), uint8(3))
	f.Add([]byte("\x00\x03\x00\xfc\xff4hi\x00"), false, uint8(9), uint8(9))
	f.Add([]byte("\x00\x05\x00\xfa\xff4"), false, uint8(9), uint8(9))
	f.Fuzz(func(t *testing.T, data []byte, compress bool, fragment, piece uint8) {
		payload := data
		if compress {
			payload = stdDeflate(t, data)
		}
		rules := wsRules{max: 200, deflate: true}
		whole, wholeErr := hear(rules, fragments(payload, len(payload)+1), len(payload)+100)
		pieces, piecesErr := hear(rules, fragments(payload, int(fragment)+1), int(piece)+1)
		if whole != pieces || !errors.Is(piecesErr, wholeErr) {
			t.Fatalf("whole: %q %v\npieces: %q %v", whole, wholeErr, pieces, piecesErr)
		}
		want, err := stdInflate(payload)
		switch {
		case compress && len(data) <= 200 && wholeErr != nil:
			t.Fatal(wholeErr)
		case len(payload) > 0 && len(want) > 200 && wholeErr == nil:
			t.Fatalf("%d bytes were let through", len(want))
		case wholeErr == nil && len(payload) > 0 && (err != nil || whole != fmt.Sprintf("%d:%x\n", ws.OpBinary, want)):
			t.Fatalf("heard %q, Go's package %x %v", whole, want, err)
		}
	})
}

// fragments are the frames of one compressed message, with pings in between.
func fragments(payload []byte, size int) []byte {
	var stream []byte
	op, rsv := ws.OpBinary, byte(rsv1>>4)
	for len(payload) > size {
		stream = append(stream, masked(false, rsv, op, payload[:size])...)
		payload, op, rsv = payload[size:], ws.OpContinuation, 0
	}
	return append(stream, masked(true, rsv, op, payload)...)
}

// BenchmarkCompressedBroadcast sends one message of 16 KB to many sessions:
// its time grows with their number by what it takes to write, because it is
// compressed once.
func BenchmarkCompressedBroadcast(b *testing.B) {
	text := bytes.Repeat([]byte(`{"id":12345,"name":"somebody","price":17.5},`), 16<<10/44)
	for _, enabled := range []bool{false, true} {
		for _, receivers := range []int{1, 10, 100} {
			b.Run(fmt.Sprintf("compressed=%v/receivers=%d", enabled, receivers), func(b *testing.B) {
				r, address := serveTCP(b, func(cfg *Config) { cfg.WebSocketCompression.Enabled = enabled })
				var sessions []*Session
				for range receivers {
					conn := dial(b, address, deflateOffer)
					go func() { _, _ = io.Copy(io.Discard, conn) }()
					sessions = append(sessions, <-r.sessions)
				}
				input := sessions[0].server.metrics.compressionInput.WithLabelValues(WebSocket)
				b.ReportAllocs()
				for b.Loop() {
					tally := NewTally(receivers)
					f := NewFrame(text, nil, Options{Tally: tally})
					for _, s := range sessions {
						if err := s.Send(f); err != nil {
							b.Fatal(err)
						}
					}
					tally.Wait(b.Context()) // or it would be faster than the network
				}
				size := float64(len(NewFrame(text, nil, Options{}).websocket))
				b.ReportMetric(testutil.ToFloat64(input)/size/float64(b.N), "compressions/op")
			})
		}
	}
}

// BenchmarkFrame makes a frame and asks what it is on a connection without
// compression: the path of most.
func BenchmarkFrame(b *testing.B) {
	c := &wsConn{}
	text := []byte(`2["hello",1]`)
	b.ReportAllocs()
	for b.Loop() {
		if len(c.bytes(NewFrame(text, nil, Options{}))) == 0 {
			b.Fatal("nothing")
		}
	}
}
