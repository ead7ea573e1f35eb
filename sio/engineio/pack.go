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

// The content codings of polling bodies (RFC 9110, section 8.4.1). deflate is
// the zlib format.
const (
	codingGzip    = "gzip"
	codingDeflate = "deflate"
)

// packer compresses polling bodies for clients that accept it.
type packer struct {
	threshold int
	savings   savings
	coders    map[string]*sync.Pool // of *coder, by content coding
}

// newPacker returns nil where nothing is to be compressed.
func newPacker(cfg Compression, s savings) *packer {
	if !cfg.Enabled {
		return nil
	}
	return &packer{
		threshold: cfg.Threshold,
		savings:   s,
		coders: map[string]*sync.Pool{
			codingGzip: {New: func() any {
				w, _ := gzip.NewWriterLevel(io.Discard, cfg.Level) // the level is valid
				return &coder{writer: w}
			}},
			codingDeflate: {New: func() any {
				w, _ := zlib.NewWriterLevel(io.Discard, cfg.Level)
				return &coder{writer: w}
			}},
		},
	}
}

// coder compresses one body after another.
type coder struct {
	writer interface {
		io.WriteCloser
		Reset(w io.Writer)
	}
	out bytes.Buffer
}

// pack returns a body made of frames as the client of a request should get it,
// and adds to its answer the headers that say so. As in the stock server, one
// frame that may be compressed is enough.
func (p *packer) pack(request, answer http.Header, body []byte, frames []*Frame) []byte {
	if p == nil || len(body) < p.threshold || !slices.ContainsFunc(frames, func(f *Frame) bool { return !f.plain }) {
		return body
	}
	answer.Add("Vary", "Accept-Encoding")
	coding := contentcoding.Choose(request["Accept-Encoding"], codingGzip, codingDeflate)
	if coding == "" {
		return body
	}
	packed := p.packOnce(coding, body, frames)
	if len(packed) >= len(body) {
		return body
	}
	answer.Set("Content-Encoding", coding)
	return packed
}

// packOnce compresses a body. One of Engine.IO 4 that is a single frame, as that
// of a broadcast often is, is compressed for the first, and shared by all others.
func (p *packer) packOnce(coding string, body []byte, frames []*Frame) []byte {
	pack := func() []byte { return p.compress(coding, body) }
	f := frames[0]
	switch {
	case len(frames) > 1 || !bytes.Equal(body, f.polling()):
		return pack()
	case coding == codingGzip:
		return f.otherForms().gzip.get(pack)
	default:
		return f.otherForms().zlib.get(pack)
	}
}

func (p *packer) compress(coding string, body []byte) []byte {
	pool := p.coders[coding]
	c := pool.Get().(*coder) //nolint:errcheck // the pool holds nothing else
	defer pool.Put(c)
	c.out.Reset()
	c.writer.Reset(&c.out)
	_, _ = c.writer.Write(body) // a buffer takes everything
	_ = c.writer.Close()
	packed := bytes.Clone(c.out.Bytes())
	if c.out.Cap() > maxKept {
		c.out = bytes.Buffer{}
	}
	p.savings.count(len(body), min(len(packed), len(body)))
	return packed
}
