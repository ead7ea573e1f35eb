package engineio

import (
	"encoding/base64"
	"sync"
	"time"

	"github.com/gobwas/ws"
)

// Frame is one message, or several that belong together, ready for every
// transport. It is encoded once, shared by all sessions that it is sent to,
// and never changes. It is written whole or not at all.
type Frame struct {
	// websocket holds the WebSocket frames of all messages.
	websocket []byte
	// text is the text packet, a part of websocket.
	text        []byte
	attachments [][]byte
	// body holds the packets as they stand in a polling body, if there are
	// attachments and somebody polls.
	body     []byte
	makeBody sync.Once

	// small holds the WebSocket frames for those who negotiated compression.
	small     []byte
	makeSmall sync.Once

	plain    bool // not to be compressed
	volatile bool
	expires  time.Time
	tally    *Tally
}

// Options say how a Frame is delivered.
type Options struct {
	// Volatile frames are dropped where they would have to wait.
	Volatile bool
	// Plain frames are not compressed.
	Plain bool
	// Expires is when a queued frame is no longer worth sending; zero means
	// never.
	Expires time.Time
	// Tally, if not nil, is told what became of each copy.
	Tally *Tally
}

// NewFrame encodes a text message and the binary messages that follow it.
func NewFrame(text []byte, attachments [][]byte, options Options) *Frame {
	f := newFrame(packetMessage, text, attachments)
	f.volatile, f.plain, f.expires, f.tally = options.Volatile, options.Plain, options.Expires, options.Tally
	return f
}

// packetFrame makes the frame of a packet of the Engine.IO protocol itself.
func packetFrame(t packetType, data []byte) *Frame { return newFrame(t, data, nil) }

func newFrame(t packetType, data []byte, attachments [][]byte) *Frame {
	size := ws.MaxHeaderSize + 1 + len(data)
	for _, a := range attachments {
		size += ws.MaxHeaderSize + len(a)
	}
	b := appendHeader(make([]byte, 0, size), ws.OpText, 1+len(data))
	start := len(b)
	b = append(append(b, byte(t)), data...)
	text := b[start:len(b):len(b)]
	for _, a := range attachments {
		b = append(appendHeader(b, ws.OpBinary, len(a)), a...)
	}
	return &Frame{websocket: b, text: text, attachments: attachments}
}

// polling returns the packets as they stand in a polling body.
func (f *Frame) polling() []byte {
	if len(f.attachments) == 0 {
		return f.text
	}
	f.makeBody.Do(func() { f.body = appendPolling(f.text, f.attachments) })
	return f.body
}

// controlFrame makes the frame of a packet that WebSocket itself defines; no
// polling client gets it.
func controlFrame(op ws.OpCode, payload []byte) *Frame {
	return &Frame{websocket: append(appendHeader(nil, op, len(payload)), payload...)}
}

// appendPolling appends attachments to a text packet as they stand in a
// polling body (protocol, "HTTP long-polling, packet encoding").
func appendPolling(text []byte, attachments [][]byte) []byte {
	for _, a := range attachments {
		text = append(text, separator, 'b')
		text = base64.StdEncoding.AppendEncode(text, a)
	}
	return text
}

// frameOverhead is what a queued frame costs beside its bytes.
const frameOverhead = 128

// size is what the frame counts for in a queue, in bytes.
func (f *Frame) size() int { return len(f.websocket) + frameOverhead }

func (f *Frame) expired() bool { return !f.expires.IsZero() && time.Now().After(f.expires) }

// Drop counts a copy of the frame as dropped. It is for callers that give a
// copy up before they queue it.
func (f *Frame) Drop() { f.tally.drop() }
