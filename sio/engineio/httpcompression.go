package engineio

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"

	"github.com/seed52a35d2d/realtime-server/internal/contentcoding"
)

// encoder compresses one body after another.
type encoder interface {
	io.WriteCloser
	Reset(w io.Writer)
}

// codings are the content codings of polling answers, the best first.
var codings = []string{"gzip", "deflate"}

var encoders = map[string]*sync.Pool{
	"gzip":    {New: func() any { return gzip.NewWriter(nil) }},
	"deflate": {New: func() any { return zlib.NewWriter(nil) }}, // RFC 9110, section 8.4.1.2
}

// compress returns the body of a polling answer as it suits the client best,
// and says so in the answer's header.
func (s *Server) compress(w http.ResponseWriter, r *http.Request, body []byte, frames []*Frame) []byte {
	worth := s.cfg.HTTPCompression.Enabled && len(body) >= s.cfg.HTTPCompression.Threshold &&
		slices.ContainsFunc(frames, func(f *Frame) bool { return !f.plain })
	if !worth {
		return body
	}
	coding := contentcoding.Choose(r.Header.Values("Accept-Encoding"), codings...)
	if coding == "" {
		return body
	}
	w.Header().Set("Content-Encoding", coding)
	return encode(coding, body)
}

func encode(coding string, body []byte) []byte {
	pool := encoders[coding]
	e := pool.Get().(encoder) //nolint:errcheck // the pools hold nothing else
	defer pool.Put(e)
	var out bytes.Buffer
	e.Reset(&out)
	_, _ = e.Write(body) // a Buffer never fails
	_ = e.Close()
	return out.Bytes()
}
