package engineio

import (
	"bytes"
	"errors"
	"io"
	"sync"

	"github.com/gobwas/ws"
	"github.com/klauspost/compress/flate"
)

var errDeflate = &wsError{ws.StatusInvalidFramePayloadData, "compressed data is corrupt"}

// inflater decompresses one message after another.
type inflater struct {
	source bytes.Reader
	reader io.ReadCloser // a flate.Resetter
}

var inflaters = sync.Pool{New: func() any {
	z := &inflater{}
	z.reader = flate.NewReader(&z.source)
	return z
}}

// inflateEnd is put behind every compressed message: the marker that was left
// out of it (RFC 7692, section 7.2.2), and an empty last block, so that the
// reader finds an end.
const inflateEnd = syncMarker + "\x01\x00\x00\xff\xff"

// maxDeflated is how large a compressed message may be, where limit is that of
// the message itself: a compressor that finds nothing to save may write nine
// bits for every eight.
func maxDeflated(limit int) int { return limit + limit/8 + 64 }

// inflate returns the message of a compressed payload, behind which inflateEnd
// was put: at most limit bytes. The error is a *wsError.
//
// It is called when the payload has come as a whole. Until then a connection
// holds no more than what was sent, and nobody owns a window for longer than
// this call. Memory grows with what is inflated, and not beyond the limit.
func inflate(payload []byte, limit int) ([]byte, error) {
	if len(payload) == len(inflateEnd) {
		return nil, nil // strictly it should be one byte 0, but nothing else can be meant
	}
	z := inflaters.Get().(*inflater) //nolint:errcheck // the pool holds nothing else
	defer inflaters.Put(z)
	z.source.Reset(payload)
	defer z.source.Reset(nil)
	if err := z.reader.(flate.Resetter).Reset(&z.source, nil); err != nil { //nolint:errcheck // flate's readers are Resetters
		return nil, err
	}
	message, err := z.read(limit)
	if err == nil && !endsWell(payload, z.source.Len()) {
		err = errDeflate
	}
	return message, err
}

// read reads everything, if it is not more than limit bytes.
func (z *inflater) read(limit int) ([]byte, error) {
	message := make([]byte, 0, min(limit+1, 4*int(z.source.Size())))
	for {
		if len(message) == cap(message) {
			message = append(make([]byte, 0, min(limit+1, 2*cap(message))), message...)
		}
		n, err := z.reader.Read(message[len(message):cap(message)])
		message = message[:len(message)+n]
		switch {
		case len(message) > limit:
			return nil, errTooBig
		case errors.Is(err, io.EOF):
			return message, nil
		case err != nil:
			return nil, errDeflate
		}
	}
}

// endsWell reports whether a payload may end where so many bytes have not been
// read: at the very end; or, where the compressor has marked its last block,
// before inflateEnd, with a byte 0 in between (RFC 7692, section 7.2.3.4) that
// may lack.
func endsWell(payload []byte, unread int) bool {
	switch unread - len(inflateEnd) {
	case -len(inflateEnd), 0:
		return true
	case 1:
		return payload[len(payload)-unread] == 0
	default:
		return false
	}
}
