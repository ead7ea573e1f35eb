package sio

import (
	"sync/atomic"
	"time"

	"github.com/seed52a35d2d/realtime-server/sio/engineio"
	"github.com/seed52a35d2d/realtime-server/sio/parser"
)

// outgoing is a packet on its way to any number of clients, now or later. It
// becomes a frame once for each dialect, when the first client that speaks it
// is to get it. What it is made of must not change.
type outgoing struct {
	packet  *parser.Packet
	options engineio.Options
	frames  [dialects]atomic.Pointer[engineio.Frame]
}

// newOutgoing is for packets without options as well: their zero value asks
// for nothing.
func newOutgoing(p *parser.Packet, options engineio.Options) *outgoing {
	return &outgoing{packet: p, options: options}
}

// expired reports whether the packet is no longer worth sending.
func (o *outgoing) expired() bool {
	return !o.options.Expires.IsZero() && time.Now().After(o.options.Expires)
}

// frame is the packet in a dialect.
func (o *outgoing) frame(d dialect) *engineio.Frame {
	slot := &o.frames[d]
	if f := slot.Load(); f != nil {
		return f
	}
	slot.CompareAndSwap(nil, d.encode(o.packet, o.options)) // somebody else may have been faster
	return slot.Load()
}
