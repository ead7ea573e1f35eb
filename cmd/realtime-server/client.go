package main

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/seed52a35d2d/realtime-server/internal/contentcoding"
)

// clientFiles is the stock client. make build fetches it from npm, beforehand
// and where it can; it is in no repository of ours.
//
//go:embed all:client/dist
var clientFiles embed.FS

// clientNames are the forms of the client that Socket.IO's own server serves.
var clientNames = []string{
	"socket.io.js", "socket.io.js.map",
	"socket.io.min.js", "socket.io.min.js.map",
	"socket.io.esm.min.js", "socket.io.esm.min.js.map",
	"socket.io.msgpack.min.js", "socket.io.msgpack.min.js.map",
}

var errNoClient = errors.New(
	"this build has no Socket.IO client; make build puts it in where npm works, and your page can bundle its own")

// client is the stock client in all forms, by name.
type client struct {
	version string
	files   map[string]*clientFile
}

// clientFile is one form: the bytes by their Content-Encoding.
type clientFile struct {
	contentType string
	etag        string
	bytes       map[string][]byte
}

// loadClient returns the client of this build, or says that there is none.
var loadClient = sync.OnceValues(func() (*client, error) {
	dist, err := fs.Sub(clientFiles, "client/dist")
	if err != nil {
		return nil, err
	}
	return readClient(dist)
})

// readClient reads what client/bundle.mjs has written.
func readClient(dist fs.FS) (*client, error) {
	version, err := fs.ReadFile(dist, "version")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errNoClient
	}
	c := &client{version: string(version), files: map[string]*clientFile{}}
	for _, name := range clientNames {
		// The version does for all forms and encodings, because the tag is a
		// weak one: what it stands for is the same, the bytes are not.
		f := &clientFile{contentType: contentTypeOf(name), etag: `W/"` + c.version + `"`, bytes: map[string][]byte{}}
		for encoding, suffix := range map[string]string{"": "", "gzip": ".gz", "br": ".br"} {
			var missing error
			f.bytes[encoding], missing = fs.ReadFile(dist, name+suffix)
			err = errors.Join(err, missing)
		}
		c.files[name] = f
	}
	if err != nil {
		return nil, fmt.Errorf("the Socket.IO client of this build is not complete: %w", err)
	}
	return c, nil
}

func contentTypeOf(name string) string {
	if strings.HasSuffix(name, ".map") {
		return "application/json; charset=utf-8"
	}
	return "application/javascript; charset=utf-8"
}

// ServeHTTP serves the file with the headers that Socket.IO's own server gives
// it. Browsers may keep it but ask each time whether it is still the one.
func (f *clientFile) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	h.Set("Cache-Control", "public, max-age=0")
	h.Set("Content-Type", f.contentType)
	h.Set("ETag", f.etag)
	h.Add("Vary", "Accept-Encoding")
	encoding := contentcoding.Choose(r.Header.Values("Accept-Encoding"), "br", "gzip")
	if encoding != "" {
		h.Set("Content-Encoding", encoding)
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.bytes[encoding]))
}
