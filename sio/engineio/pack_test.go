package engineio

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// pollingClient makes the requests of one polling session.
type pollingClient struct {
	t    *testing.T
	http *http.Client
	url  string
}

// endSoon keeps a server from waiting for polling clients that are gone.
func endSoon(cfg *Config) { cfg.CloseTimeout = 10 * time.Millisecond }

// openPolling opens a polling session.
func openPolling(t *testing.T, address string) *pollingClient {
	t.Helper()
	c := &pollingClient{
		t:    t,
		http: &http.Client{Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true}},
		url:  "http://" + address + "/?EIO=4&transport=polling",
	}
	_, body := c.get("gzip")
	var open struct{ SID string }
	if err := json.Unmarshal(body[1:], &open); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	c.url += "&sid=" + open.SID
	return c
}

// get makes a GET that accepts these encodings, and returns the body as it is.
func (c *pollingClient) get(accepted ...string) (http.Header, []byte) {
	c.t.Helper()
	request, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, c.url, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	request.Header["Accept-Encoding"] = accepted
	response, err := c.http.Do(request)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK || response.ContentLength != int64(len(body)) {
		c.t.Fatalf("%s of %d bytes: %q, %v", response.Status, response.ContentLength, body, err)
	}
	return response.Header, body
}

// unpack is what a body stands for.
func unpack(t *testing.T, coding string, body []byte) []byte {
	t.Helper()
	var r io.Reader = bytes.NewReader(body)
	var err error
	switch coding {
	case "gzip":
		r, err = gzip.NewReader(r)
	case "deflate":
		r, err = zlib.NewReader(r)
	}
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

// TestPollingBodiesAreCompressed asks for bodies in every way.
func TestPollingBodiesAreCompressed(t *testing.T) {
	prose := []byte(strings.Repeat("the quick brown fox ", 100))
	text, plain, small := NewFrame(prose, nil, Options{}), NewFrame(prose, nil, Options{Plain: true}), NewFrame([]byte("small"), nil, Options{})
	r, address := serveTCP(t, endSoon)
	for _, c := range []struct {
		accepted string
		frames   []*Frame
		coding   string
		vary     bool
	}{
		{"gzip, deflate, br", []*Frame{text}, "gzip", true},
		{"gzip, deflate, br", []*Frame{text}, "gzip", true}, // a second client
		{"deflate", []*Frame{text}, "deflate", true},
		{"gzip;q=0.5, deflate;q=1", []*Frame{text}, "deflate", true},
		{"*", []*Frame{text, text}, "gzip", true},
		{"gzip", []*Frame{plain, small}, "gzip", true},
		{"gzip", []*Frame{NewFrame([]byte("small"), [][]byte{prose}, Options{})}, "gzip", true},
		{"", []*Frame{text}, "", true},
		{"br, zstd", []*Frame{text}, "", true},
		{"gzip;q=0", []*Frame{text}, "", true},
		{";;q=,=gzip;;", []*Frame{text}, "", true},
		{strings.Repeat("x,", 5000), []*Frame{text}, "", true},
		{"gzip", []*Frame{plain}, "", false},
		{"gzip", []*Frame{small}, "", false},
		{"gzip", []*Frame{NewFrame(prose[:1022], nil, Options{})}, "", false},
		{"gzip", []*Frame{NewFrame(prose[:1023], nil, Options{})}, "gzip", true},
	} {
		client := openPolling(t, address)
		session := <-r.sessions
		for _, f := range c.frames {
			if err := session.Send(f); err != nil {
				t.Fatal(err)
			}
		}
		header, body := client.get(c.accepted)
		coding := header.Get("Content-Encoding")
		if coding != c.coding || (header.Get("Vary") == "Accept-Encoding") != c.vary {
			t.Errorf("%.30q: Content-Encoding %q, want %q; Vary %q", c.accepted, coding, c.coding, header.Get("Vary"))
		}
		if got := unpack(t, coding, body); !bytes.Equal(got, wire4.toBody(c.frames...)) {
			t.Errorf("%.30q: body %.100q", c.accepted, got)
		}
	}
}

// TestNoiseIsNotCompressed: what would grow is sent as it is, and still varies.
func TestNoiseIsNotCompressed(t *testing.T) {
	r, address := serveTCP(t, func(cfg *Config) {
		endSoon(cfg)
		cfg.HTTPCompression.Threshold = 0
	})
	client := openPolling(t, address)
	if err := (<-r.sessions).Send(NewFrame([]byte("x"), nil, Options{})); err != nil {
		t.Fatal(err)
	}
	header, body := client.get("gzip")
	if string(body) != "4x" || header.Get("Content-Encoding") != "" || header.Get("Vary") != "Accept-Encoding" {
		t.Errorf("%q with %v", body, header)
	}
}

// TestPollingBroadcastIsCompressedOnce gives one frame to several clients of
// each kind.
func TestPollingBroadcastIsCompressedOnce(t *testing.T) {
	r, address := serveTCP(t, endSoon)
	f := NewFrame(make([]byte, 10_000), nil, Options{})
	var input float64
	for _, accepted := range []string{"gzip", "gzip", "deflate", "gzip", "deflate"} {
		client := openPolling(t, address)
		session := <-r.sessions
		if err := session.Send(f); err != nil {
			t.Fatal(err)
		}
		client.get(accepted)
		input = testutil.ToFloat64(session.server.metrics.compressionInput.WithLabelValues(Polling))
	}
	if want := float64(2 * len(f.polling())); input != want {
		t.Errorf("%v bytes were compressed, want %v", input, want)
	}
}

func TestCompressionIsOff(t *testing.T) {
	r, address := serveTCP(t, func(cfg *Config) {
		endSoon(cfg)
		cfg.HTTPCompression.Enabled = false
	})
	client := openPolling(t, address)
	if err := (<-r.sessions).Send(NewFrame(make([]byte, 2000), nil, Options{})); err != nil {
		t.Fatal(err)
	}
	if header, body := client.get("gzip"); len(body) != 2001 || header.Get("Vary") != "" {
		t.Errorf("%d bytes with %v", len(body), header)
	}
}

func TestCompressionFaults(t *testing.T) {
	cfg := DefaultConfig()
	cfg.WebSocketCompression = Compression{Threshold: -1, Level: 0}
	cfg.HTTPCompression = Compression{Level: 10}
	const want = "websocket_compression.threshold: -1 is not a number of bytes\n" +
		"websocket_compression.level: 0 is not between 1 and 9\n" +
		"http_compression.level: 10 is not between 1 and 9"
	if got := fmt.Sprint(cfg.Validate()); got != want {
		t.Errorf("%s", got)
	}
}
