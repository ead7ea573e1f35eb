package main

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// aClient is a client of three encodings, each of which says what it is.
func aClient() fstest.MapFS {
	dist := fstest.MapFS{"version": {Data: []byte("1.2.3")}}
	for _, name := range clientNames {
		for _, suffix := range []string{"", ".gz", ".br"} {
			dist[name+suffix] = &fstest.MapFile{Data: []byte(name + suffix)}
		}
	}
	return dist
}

func TestBuildWithoutClient(t *testing.T) {
	if _, err := readClient(fstest.MapFS{".gitkeep": {}}); !errors.Is(err, errNoClient) {
		t.Errorf("an empty folder: %v", err)
	}
	broken := aClient()
	delete(broken, "socket.io.min.js.br")
	if _, err := readClient(broken); err == nil || !strings.Contains(err.Error(), "socket.io.min.js.br") {
		t.Errorf("a folder without one file: %v", err)
	}
}

// The option and the build agree, or the start fails.
func TestServeClientNeedsTheClient(t *testing.T) {
	_, missing := loadClient()
	_, err := load(t, "http: {serve_client: true}", []string{anAPIKey, aBackend})
	if missing == nil && err != nil {
		t.Error(err)
	}
	if missing != nil {
		wantFaults(t, err, "http.serve_client: this build has no Socket.IO client")
	}
}

func TestClientFiles(t *testing.T) {
	c, err := readClient(aClient())
	if err != nil {
		t.Fatal(err)
	}
	ask := func(method, name string, header ...string) *http.Response {
		r := httptest.NewRequest(method, "/socket.io/"+name, nil)
		for pair := range slices.Chunk(header, 2) {
			r.Header.Add(pair[0], pair[1])
		}
		w := httptest.NewRecorder()
		c.files[name].ServeHTTP(w, r)
		return w.Result()
	}
	for _, test := range []struct {
		method string
		header []string
		status int
		length int64
		coding string
	}{
		{"GET", nil, 200, 16, ""},
		{"HEAD", nil, 200, 16, ""},
		{"GET", []string{"Accept-Encoding", "gzip, deflate, br"}, 200, -1, "br"},
		{"GET", []string{"Accept-Encoding", "gzip"}, 200, -1, "gzip"},
		{"GET", []string{"If-None-Match", `W/"1.2.3"`}, 304, -1, ""},
		{"GET", []string{"If-None-Match", `"1.2.3"`, "Accept-Encoding", "br"}, 304, -1, ""},
		{"GET", []string{"If-None-Match", `"1", "1.2.3"`}, 304, -1, ""},
		{"GET", []string{"If-None-Match", `"1.2.4"`}, 200, 16, ""},
		{"POST", nil, 405, -1, ""},
		{"DELETE", nil, 405, -1, ""},
	} {
		response := ask(test.method, "socket.io.min.js", test.header...)
		h := response.Header
		if response.StatusCode != test.status || response.ContentLength != test.length || h.Get("Content-Encoding") != test.coding {
			t.Errorf("%s %v: %d with %d bytes of %q", test.method, test.header, response.StatusCode, response.ContentLength, h.Get("Content-Encoding"))
		}
		if test.status == 405 {
			continue
		}
		if h.Get("Cache-Control") != "public, max-age=0" || h.Get("ETag") != `W/"1.2.3"` || h.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s %v: %v", test.method, test.header, h)
		}
	}
	for name, want := range map[string]string{"socket.io.esm.min.js": "application/javascript", "socket.io.js.map": "application/json"} {
		if got := ask("GET", name).Header.Get("Content-Type"); got != want+"; charset=utf-8" {
			t.Errorf("%s is %s", name, got)
		}
	}
}
