package engineio

import (
	"bytes"
	"io"
	"strings"
	"sync"

	"github.com/gobwas/httphead"
	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
	"github.com/klauspost/compress/flate"
)

// Compression says which messages are compressed.
type Compression struct {
	Enabled bool `yaml:"enabled"`
	// Threshold is the smallest message that is compressed, in bytes.
	Threshold int `yaml:"threshold"`
}

// deflateOffer accepts the first offer of permessage-deflate that can be met
// (RFC 7692, section 7.1). Neither side keeps a context from one message to the
// next, so that an idle connection holds none, and a compressed message is the
// same for everybody. Offers that make no sense are declined like others that
// cannot be met.
type deflateOffer struct{ wsflate.Extension }

func newDeflateOffer() *deflateOffer {
	return &deflateOffer{wsflate.Extension{Parameters: wsflate.Parameters{
		ServerNoContextTakeover: true,
		ClientNoContextTakeover: true,
	}}}
}

func (o *deflateOffer) negotiate(offer httphead.Option) (httphead.Option, error) {
	accept, err := o.Negotiate(offer)
	if err != nil {
		return httphead.Option{}, nil //nolint:nilerr // declined; the connection does without
	}
	return accept, nil
}

// rsv1 marks the first frame of a compressed message, as ws.Header.Rsv has it.
const rsv1 = 4

// mayCompress reports whether a frame may have the reserved bits that it has,
// on a connection that negotiated compression (RFC 7692, section 6).
func mayCompress(h ws.Header) bool {
	return h.Rsv == 0 || h.Rsv == rsv1 && (h.OpCode == ws.OpText || h.OpCode == ws.OpBinary)
}

// blockEnd is what every compressed message ends with, and what is therefore
// not sent (RFC 7692, section 7.2.1).
const blockEnd = "\x00\x00\xff\xff"

// streamEnd lets a reader find an end.
const streamEnd = blockEnd + "\x01" + blockEnd

var errDeflate = &wsError{ws.StatusInvalidFramePayloadData, "bad compressed data"}

var inflaters = sync.Pool{New: func() any { return flate.NewReader(nil) }}

// inflate returns what a compressed message says. Memory grows with what comes
// out, and not beyond limit: the error is errTooBig or errDeflate.
func inflate(message []byte, limit int) ([]byte, error) {
	r := inflaters.Get().(io.ReadCloser) //nolint:errcheck // the pool holds nothing else
	defer inflaters.Put(r)
	source := io.MultiReader(bytes.NewReader(message), strings.NewReader(streamEnd))
	if err := r.(flate.Resetter).Reset(source, nil); err != nil { //nolint:errcheck // every flate reader is one
		return nil, err
	}
	plain, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	switch {
	case len(plain) > limit:
		return nil, errTooBig
	case err != nil:
		return nil, errDeflate
	}
	return plain, nil
}

// deflater compresses messages one after another.
type deflater struct {
	w   *flate.Writer
	out bytes.Buffer
}

var deflaters = sync.Pool{New: func() any {
	w, _ := flate.NewWriter(nil, flate.DefaultCompression) // fails only for unknown levels
	return &deflater{w: w}
}}

// appendMessage appends a message as a WebSocket frame, compressed if it is
// large enough and gets smaller.
func (z *deflater) appendMessage(b []byte, op ws.OpCode, message []byte, threshold int) []byte {
	if len(message) >= threshold {
		if small := z.deflate(message); len(small) < len(message) {
			start := len(b)
			b = append(appendHeader(b, op, len(small)), small...)
			b[start] |= rsv1 << 4
			return b
		}
	}
	return appendMessage(b, op, message)
}

// deflate returns a compressed message, which is valid until the next call.
func (z *deflater) deflate(message []byte) []byte {
	z.out.Reset()
	z.w.Reset(&z.out)
	_, _ = z.w.Write(message) // a Buffer never fails
	_ = z.w.Flush()
	return bytes.TrimSuffix(z.out.Bytes(), []byte(blockEnd))
}

// deflated returns the frame as it is sent to those who negotiated compression.
// It is compressed once, for all of them that speak the same revision.
func (f *Frame) deflated(w wire, threshold int) []byte {
	if f.plain || !f.reaches(threshold) {
		return f.onWebSocket(w)
	}
	if len(f.attachments) == 0 {
		w = wire4 // text is the same in all revisions
	}
	return f.otherForms().deflated[w].get(func() []byte {
		z := deflaters.Get().(*deflater) //nolint:errcheck // the pool holds nothing else
		defer deflaters.Put(z)
		return f.encode(w, func(b []byte, op ws.OpCode, message []byte) []byte {
			return z.appendMessage(b, op, message, threshold)
		})
	})
}

// reaches reports whether any message of the frame is of a size.
func (f *Frame) reaches(size int) bool {
	if f.text != nil && len(f.text) >= size {
		return true
	}
	for _, a := range f.attachments {
		if len(a) >= size {
			return true
		}
	}
	return false
}
