package siotest

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"

	"github.com/gobwas/httphead"
	"github.com/gobwas/ws"
)

// rsv1 marks a frame whose message is compressed (RFC 7692, section 6).
const rsv1 = 4

// deflateOffer is what browsers offer.
var deflateOffer = httphead.NewOption("permessage-deflate", map[string]string{"client_max_window_bits": ""})

// extension is an extension as it stands in a header.
func extension(o httphead.Option) string {
	var b bytes.Buffer
	_, _ = httphead.WriteOptions(&b, []httphead.Option{o}) // a buffer takes everything
	return b.String()
}

// squeeze compresses a frame with Go's own package, which is not the one that
// the server uses.
func squeeze(f ws.Frame) ws.Frame {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.DefaultCompression) // the level is valid
	_, _ = w.Write(f.Payload)                             // a buffer takes everything
	_ = w.Flush()
	f.Payload = b.Bytes()[:b.Len()-4] // without the marker that a flush ends with
	f.Header.Length, f.Header.Rsv = int64(len(f.Payload)), rsv1
	return f
}

// inflate is what a compressed message stands for, or why it stands for
// nothing.
func inflate(payload []byte) []byte {
	end := "\x00\x00\xff\xff\x01\x00\x00\xff\xff"
	message, err := io.ReadAll(flate.NewReader(bytes.NewReader(append(payload, end...))))
	if err != nil {
		return fmt.Appendf(message, " and then %v", err)
	}
	return message
}
