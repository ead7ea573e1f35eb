package engineio

import (
	"bytes"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/gobwas/httphead"
	"github.com/gobwas/ws"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
)

// pack compresses a message with another library than ours.
func pack(tb testing.TB, message []byte) []byte {
	tb.Helper()
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	if err == nil {
		_, err = w.Write(message)
	}
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		tb.Fatal(err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte(blockEnd))
}

// raw is a frame of a client.
func raw(tb testing.TB, op ws.OpCode, fin bool, rsv byte, payload []byte) []byte {
	tb.Helper()
	frame := ws.NewFrame(op, fin, bytes.Clone(payload))
	frame.Header.Rsv = rsv
	data, err := ws.CompileFrame(ws.MaskFrameInPlaceWith(frame, [4]byte{5, 6, 7, 8}))
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

func TestCompressedMessages(t *testing.T) {
	hello := pack(t, []byte("hello"))
	for name, test := range map[string]struct {
		frames [][]byte
		want   string
		code   ws.StatusCode
	}{
		"whole":                     {[][]byte{raw(t, ws.OpText, true, rsv1, hello)}, "1:68656c6c6f\n", 0},
		"binary":                    {[][]byte{raw(t, ws.OpBinary, true, rsv1, hello)}, "2:68656c6c6f\n", 0},
		"empty":                     {[][]byte{raw(t, ws.OpText, true, rsv1, pack(t, nil))}, "1:\n", 0},
		"not compressed":            {[][]byte{raw(t, ws.OpText, true, 0, []byte("hello"))}, "1:68656c6c6f\n", 0},
		"in fragments":              {[][]byte{raw(t, ws.OpText, false, rsv1, hello[:3]), raw(t, ws.OpPing, true, 0, nil), raw(t, ws.OpContinuation, true, 0, hello[3:])}, "9:\n1:68656c6c6f\n", 0},
		"one after another":         {[][]byte{raw(t, ws.OpText, true, rsv1, hello), raw(t, ws.OpText, true, 0, []byte("x")), raw(t, ws.OpText, true, rsv1, hello)}, "1:68656c6c6f\n1:78\n1:68656c6c6f\n", 0},
		"a control frame":           {[][]byte{raw(t, ws.OpPing, true, rsv1, nil)}, "", ws.StatusProtocolError},
		"a continuation":            {[][]byte{raw(t, ws.OpText, false, 0, nil), raw(t, ws.OpContinuation, true, rsv1, nil)}, "", ws.StatusProtocolError},
		"another bit":               {[][]byte{raw(t, ws.OpText, true, 2, nil)}, "", ws.StatusProtocolError},
		"garbage":                   {[][]byte{raw(t, ws.OpText, true, rsv1, []byte{7, 1, 2, 3})}, "", ws.StatusInvalidFramePayloadData},
		"no UTF-8":                  {[][]byte{raw(t, ws.OpText, true, rsv1, pack(t, []byte{0xff}))}, "", ws.StatusInvalidFramePayloadData},
		"a bomb":                    {[][]byte{raw(t, ws.OpText, true, rsv1, pack(t, make([]byte, 100_000)))}, "", ws.StatusMessageTooBig},
		"as large as it may become": {[][]byte{raw(t, ws.OpBinary, true, rsv1, pack(t, make([]byte, 200)))}, "2:" + strings.Repeat("00", 200) + "\n", 0},
	} {
		t.Run(name, func(t *testing.T) {
			for _, size := range []int{1, 7, 10_000} {
				heard, err := hear(&wsDecoder{max: 200, deflate: true}, bytes.Join(test.frames, nil), size)
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

// FuzzDeflate: a message says the same compressed and plain, in whatever
// fragments and pieces it comes; what is no compressed message harms nobody.
func FuzzDeflate(f *testing.F) {
	f.Add([]byte("hello hello hello"), uint8(3), uint8(2))
	f.Fuzz(func(t *testing.T, message []byte, cut, size uint8) {
		packed := pack(t, message)
		at := min(int(cut), len(packed))
		stream := append(raw(t, ws.OpBinary, false, rsv1, packed[:at]), raw(t, ws.OpContinuation, true, 0, packed[at:])...)
		heard, err := hear(&wsDecoder{max: 1 << 20, deflate: true}, stream, int(size)+1)
		if want := fmt.Sprintf("2:%x\n", message); err != nil || heard != want {
			t.Errorf("heard %q, %v; want %q", heard, err, want)
		}
		var breach *wsError
		if _, err := hear(&wsDecoder{max: 1000, deflate: true}, raw(t, ws.OpBinary, true, rsv1, message), int(size)+1); err != nil && !errors.As(err, &breach) {
			t.Error(err)
		}
	})
}

// compressing starts a server that compresses, with a small threshold.
func compressing(t *testing.T) (*recorder, string) {
	t.Helper()
	return serveTCP(t, func(cfg *Config) {
		cfg.WebSocketCompression = Compression{Enabled: true, Threshold: 100}
		cfg.HTTPCompression.Threshold = 100
	})
}

// offer opens a WebSocket with an offer of extensions and returns what was
// accepted.
func offer(t *testing.T, address, extensions string) (net.Conn, string) {
	t.Helper()
	options, ok := httphead.ParseOptions([]byte(extensions), nil)
	if !ok {
		t.Fatalf("%q is no offer", extensions)
	}
	dialer := ws.Dialer{Extensions: options}
	conn, early, handshake, err := dialer.Dial(context.Background(), "ws://"+address+"/?EIO=4&transport=websocket")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if early == nil {
		readFrame(t, conn)
	} else if _, err := io.Copy(io.Discard, io.LimitReader(early, int64(early.Buffered()))); err != nil {
		t.Fatal(err)
	}
	var accepted bytes.Buffer
	if _, err := httphead.WriteOptions(&accepted, handshake.Extensions); err != nil {
		t.Fatal(err)
	}
	return conn, accepted.String()
}

func TestCompressionIsNegotiated(t *testing.T) {
	_, address := compressing(t)
	const accepted = "permessage-deflate;client_no_context_takeover;server_no_context_takeover"
	for extensions, want := range map[string]string{
		"permessage-deflate":                                                      accepted,
		"permessage-deflate; client_max_window_bits":                              accepted,
		"permessage-deflate; server_no_context_takeover":                          accepted,
		"permessage-deflate; server_max_window_bits=10, permessage-deflate":       accepted,
		"permessage-deflate; server_max_window_bits=10":                           "",
		"permessage-deflate; server_max_window_bits=99":                           "",
		"permessage-deflate; unknown":                                             "",
		"permessage-deflate; unknown, permessage-deflate; client_max_window_bits": accepted,
		"x-webkit-deflate-frame":                                                  "",
	} {
		if _, got := offer(t, address, extensions); sorted(got) != sorted(want) {
			t.Errorf("%s: accepted %q, want %q", extensions, got, want)
		}
	}
}

// sorted makes lists of parameters comparable.
func sorted(extension string) string {
	name, parameters, _ := strings.Cut(strings.ReplaceAll(extension, " ", ""), ";")
	if strings.HasPrefix(parameters, "server") {
		first, second, _ := strings.Cut(parameters, ";")
		parameters = second + ";" + first
	}
	return name + ";" + parameters
}

func TestLargeMessagesAreCompressed(t *testing.T) {
	r, address := compressing(t)
	conn, _ := offer(t, address, "permessage-deflate")
	session := <-r.sessions
	large := []byte(strings.Repeat("large ", 1000))
	random := bytes.Repeat([]byte{1, 2, 3, 250}, 20) // below the threshold
	for _, test := range []struct {
		options Options
		packed  bool
	}{{Options{}, true}, {Options{Plain: true}, false}} {
		if err := session.Send(NewFrame(large, [][]byte{random, large}, test.options)); err != nil {
			t.Fatal(err)
		}
		wantMessage(t, conn, test.packed, append([]byte("4"), large...))
		wantMessage(t, conn, false, random)
		wantMessage(t, conn, test.packed, large)
	}
}

func wantMessage(t *testing.T, conn net.Conn, packed bool, want []byte) {
	t.Helper()
	header, err := ws.ReadHeader(conn)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, header.Length)
	if _, err := io.ReadFull(conn, got); err != nil {
		t.Fatal(err)
	}
	if (header.Rsv == rsv1) != packed {
		t.Errorf("RSV %d of a message of %d bytes", header.Rsv, len(want))
	}
	if header.Rsv == rsv1 {
		if got, err = inflate(got, 1<<20); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got %d bytes, want %d others", len(got), len(want))
	}
}

func TestPollingAnswersAreCompressed(t *testing.T) {
	r, address := compressing(t)
	large := strings.Repeat("large ", 1000)
	for accept, want := range map[string]string{"gzip, deflate, br": "gzip", "deflate": "deflate", "gzip;q=0": "", "nonsense;;q": "", "": ""} {
		for _, plain := range []bool{false, true} {
			fetch(t, address, "", accept)
			session := <-r.sessions
			if err := session.Send(NewFrame([]byte(large), nil, Options{Plain: plain})); err != nil {
				t.Fatal(err)
			}
			coding, body := fetch(t, address, "&sid="+session.ID(), accept)
			if plain {
				want = ""
			}
			if coding != want || body != "4"+large {
				t.Errorf("%q, plain %v: coding %q, want %q; %d bytes", accept, plain, coding, want, len(body))
			}
		}
	}
}

// fetch returns the coding of an answer, and what it says.
func fetch(t *testing.T, address, query, accept string) (coding, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/?EIO=4&transport=polling"+query, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept-Encoding", accept)
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	var r io.Reader = response.Body
	switch coding = response.Header.Get("Content-Encoding"); coding {
	case "gzip":
		r, err = gzip.NewReader(r)
	case "deflate":
		r, err = zlib.NewReader(r)
	}
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return coding, string(text)
}

// BenchmarkDeflated shows that compression is paid once, however many receive.
func BenchmarkDeflated(b *testing.B) {
	text := []byte(strings.Repeat(`{"price":1234,"symbol":"ABC"},`, 100))
	for _, receivers := range []int{1, 1000} {
		b.Run(fmt.Sprint(receivers, " receivers"), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f := NewFrame(text, nil, Options{})
				for range receivers {
					f.deflated(wire4, 1024)
				}
			}
		})
	}
}
