package engineio

import (
	"bytes"
	"slices"
	"sync"

	"github.com/klauspost/compress/flate"
)

// rsv1 is the bit of a frame's first byte that says: this message is
// compressed (RFC 7692, section 6).
const rsv1 = 0x40

// deflater compresses what is sent over WebSockets that have negotiated it
// (RFC 7692, section 7.2.1).
type deflater struct {
	threshold int
	savings   savings
	squeezers sync.Pool
}

// newDeflater returns nil where nothing is to be compressed.
func newDeflater(cfg Compression, s savings) *deflater {
	if !cfg.Enabled {
		return nil
	}
	return &deflater{
		threshold: cfg.Threshold,
		savings:   s,
		squeezers: sync.Pool{New: func() any { return newSqueezer(cfg.Level) }},
	}
}

// bytes is what a frame is on a WebSocket that has negotiated compression. It
// is compressed for the first, and shared by all others that speak the same
// revision of the protocol.
func (d *deflater) bytes(f *Frame, w wire, window uint8) []byte {
	plain := f.onWebSocket(w)
	if f.plain || !f.reaches(d.threshold) || window < fullWindow && !fits(plain, 1<<window) {
		return plain
	}
	if len(f.attachments) == 0 {
		w = wire4 // text is the same in all revisions
	}
	return f.otherForms().deflated[w].get(func() []byte { return d.deflate(plain) })
}

// reaches reports whether any message of the frame is of a size.
func (f *Frame) reaches(size int) bool {
	if f.text != nil && len(f.text) >= size {
		return true
	}
	return slices.ContainsFunc(f.attachments, func(a []byte) bool { return len(a) >= size })
}

// fits reports whether every message is so short that it can refer to nothing
// outside of a window of so many bytes. The others are sent as they are to the
// few clients that ask for a small window.
func fits(frames []byte, window int64) bool {
	for len(frames) > 0 {
		header, size := parseHeader(frames)
		if header.Length > window {
			return false
		}
		frames = frames[size+int(header.Length):]
	}
	return true
}

// deflate compresses the messages of our own frames, each by itself, where
// they are large enough and get smaller.
func (d *deflater) deflate(frames []byte) []byte {
	z := d.squeezers.Get().(*squeezer) //nolint:errcheck // the pool holds nothing else
	defer d.release(z)
	smaller := false
	for rest := frames; len(rest) > 0; {
		header, size := parseHeader(rest)
		end := size + int(header.Length)
		frame, payload := rest[:end], rest[size:end]
		rest = rest[end:]
		if len(payload) >= d.threshold && z.squeeze(payload) {
			smaller = true
			z.frames = appendHeader(z.frames, header.OpCode|rsv1, z.message.Len())
			z.frames = append(z.frames, z.message.Bytes()...)
		} else {
			z.frames = append(z.frames, frame...)
		}
	}
	d.savings.count(len(frames), len(z.frames))
	if !smaller {
		return frames
	}
	return bytes.Clone(z.frames)
}

// release gives a squeezer back, without the room for what was unusually large.
func (d *deflater) release(z *squeezer) {
	z.frames = z.frames[:0]
	if cap(z.frames) > maxKept {
		z.frames = nil
	}
	if z.message.Cap() > maxKept {
		z.message = bytes.Buffer{}
	}
	d.squeezers.Put(z)
}

// squeezer compresses one message after another.
type squeezer struct {
	writer  *flate.Writer
	message bytes.Buffer // what squeeze has made
	frames  []byte       // what deflate is making
}

func newSqueezer(level int) *squeezer {
	z := &squeezer{}
	z.writer, _ = flate.NewWriter(&z.message, level) // the level is valid
	return z
}

// syncMarker ends what a compressor has flushed; it is left out of every
// message, and put back by who receives it.
const syncMarker = "\x00\x00\xff\xff"

// squeeze compresses a payload into z.message, and reports whether that is
// smaller.
func (z *squeezer) squeeze(payload []byte) bool {
	z.message.Reset()
	z.writer.Reset(&z.message)
	_, _ = z.writer.Write(payload) // a buffer takes everything
	_ = z.writer.Flush()
	z.message.Truncate(z.message.Len() - len(syncMarker))
	return z.message.Len() < len(payload)
}
