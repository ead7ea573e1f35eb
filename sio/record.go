package sio

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/seed52a35d2d/realtime-server/sio/engineio"
	"github.com/seed52a35d2d/realtime-server/sio/parser"
)

// record is an event as servers share it.
type record struct {
	namespace string
	target    Target
	packet    *parser.Packet
	plain     bool
	expires   time.Time
	tracked   bool // somebody asks what becomes of the copies
	// gap says that there is no event here, but that events are missing.
	gap bool
}

// What records and tickets begin with. Another version is not understood.
const (
	recordVersion = 1
	ticketVersion = 2
)

// errGarbled: the bytes are not what a server has written, or another version's.
var errGarbled = errors.New("not understood")

// The flags of a record.
const (
	flagPlain = 1 << iota
	flagTracked
	flagGap
)

func (r *record) options() engineio.Options {
	return engineio.Options{Plain: r.plain, Expires: r.expires}
}

// recorded is the event as it is kept.
func (r *record) recorded(at offset) *recorded {
	if r.gap {
		return &recorded{offset: at, gap: true, size: recordedOverhead}
	}
	return newRecorded(withOffset(r.packet, r.options(), at), r.target, at)
}

func (r *record) encode() []byte {
	var flags byte
	for flag, set := range map[byte]bool{flagPlain: r.plain, flagTracked: r.tracked, flagGap: r.gap} {
		if set {
			flags |= flag
		}
	}
	dst := []byte{recordVersion, flags}
	dst = appendText(dst, r.namespace)
	if r.gap {
		return dst
	}
	dst = appendTarget(dst, &r.target)
	var expires int64
	if !r.expires.IsZero() {
		expires = r.expires.UnixMilli()
	}
	dst = binary.AppendVarint(dst, expires)
	dst = append(dst, byte(r.packet.Type))
	dst = appendText(dst, r.packet.Data)
	dst = binary.AppendUvarint(dst, uint64(len(r.packet.Attachments)))
	for _, a := range r.packet.Attachments {
		dst = appendText(dst, a)
	}
	return dst
}

// decodeRecord reads what encode has written. The error is errGarbled.
func decodeRecord(data []byte) (*record, error) {
	in := &reading{rest: data}
	if in.byte() != recordVersion {
		return nil, errGarbled
	}
	flags := in.byte()
	r := &record{
		namespace: in.text(),
		plain:     flags&flagPlain != 0, tracked: flags&flagTracked != 0, gap: flags&flagGap != 0,
	}
	if r.gap {
		return r, in.end()
	}
	r.target = in.target()
	if expires := in.signed(); expires != 0 {
		r.expires = time.UnixMilli(expires)
	}
	r.packet = &parser.Packet{Type: parser.Type(in.byte()), Namespace: r.namespace, Data: in.bytes()}
	for n := in.count(); n > 0; n-- {
		r.packet.Attachments = append(r.packet.Attachments, in.bytes())
	}
	if err := in.end(); err != nil {
		return nil, err
	}
	if !isEvent(r.packet) {
		return nil, errGarbled
	}
	return r, nil
}

// isEvent checks what withOffset relies on.
func isEvent(p *parser.Packet) bool {
	last := len(p.Data) - 1
	return (p.Type == parser.Event || p.Type == parser.BinaryEvent) && last > 1 && p.Data[0] == '[' && p.Data[last] == ']'
}
