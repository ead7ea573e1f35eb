package engineio

import (
	"encoding/base64"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"
)

// Frame is one message, or several that belong together, ready for every
// transport. It is encoded once, shared by all sessions that it is sent to,
// and never changes. It is written whole or not at all.
type Frame struct {
	// websocket holds the WebSocket frames of all messages, as they are in
	// Engine.IO 4.
	websocket []byte
	// text is the text packet, a part of websocket; nil if there are only
	// bytes.
	text        []byte
	attachments [][]byte
	// forms are what the frame is elsewhere; nil while nobody has asked.
	forms atomic.Pointer[forms]

	plain    bool // not to be compressed
	volatile bool
	expires  time.Time
	tally    *Tally
}

// forms are what a frame is elsewhere than on a plain WebSocket of Engine.IO 4.
// Each is made when it is first wanted.
type forms struct {
	body      [wires]form // in a polling body, if there are attachments
	websocket [wires]form // on a WebSocket, if there are attachments
	deflated  [wires]form // on one that compresses
	gzip      form        // in a polling body of Engine.IO 4 that holds nothing else
	zlib      form        // the same, in the content coding deflate
}

// form is one of them.
type form struct {
	once  sync.Once
	bytes []byte
}

func (f *form) get(encode func() []byte) []byte {
	f.once.Do(func() { f.bytes = encode() })
	return f.bytes
}

func (f *Frame) otherForms() *forms {
	if f.forms.Load() == nil {
		f.forms.CompareAndSwap(nil, &forms{}) // somebody else may have been faster
	}
	return f.forms.Load()
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
	return newFrame(packetMessage, text, attachments).with(options)
}

func (f *Frame) with(options Options) *Frame {
	f.volatile, f.plain, f.expires, f.tally = options.Volatile, options.Plain, options.Expires, options.Tally
	return f
}

// NewBinaryFrame encodes a message of bytes alone.
func NewBinaryFrame(data []byte, options Options) *Frame {
	b := appendMessage(make([]byte, 0, ws.MaxHeaderSize+len(data)), ws.OpBinary, data)
	start := len(b) - len(data)
	f := &Frame{websocket: b, attachments: [][]byte{b[start:len(b):len(b)]}}
	return f.with(options)
}

// packetFrame makes the frame of a packet of the Engine.IO protocol itself.
func packetFrame(t packetType, data []byte) *Frame { return newFrame(t, data, nil) }

// behind puts a new frame of text behind bytes that are no WebSocket frame: the
// answer to a handshake, if there is one. Nobody may compress it then.
func (f *Frame) behind(answer []byte) *Frame {
	if len(answer) > 0 {
		f.websocket, f.plain = append(answer, f.websocket...), true
	}
	return f
}

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

// polling returns the packets as they stand in a polling body of Engine.IO 4.
func (f *Frame) polling() []byte {
	if len(f.attachments) == 0 {
		return f.text
	}
	return f.otherForms().body[wire4].get(func() []byte { return appendPolling(f.text, f.attachments) })
}

// onWebSocket returns the WebSocket frames of all messages.
func (f *Frame) onWebSocket(w wire) []byte {
	if w == wire4 || len(f.attachments) == 0 {
		return f.websocket // text is the same in all revisions
	}
	return f.otherForms().websocket[w].get(func() []byte { return f.encode(w, appendMessage) })
}

// encode has add append each message to the WebSocket frames of those before.
func (f *Frame) encode(w wire, add func(b []byte, op ws.OpCode, message []byte) []byte) (b []byte) {
	if f.text != nil {
		b = add(b, ws.OpText, f.text)
	}
	for _, a := range f.attachments {
		op, message := w.attachment(a)
		b = add(b, op, message)
	}
	return b
}

// appendMessage appends a message as a WebSocket frame.
func appendMessage(b []byte, op ws.OpCode, message []byte) []byte {
	return append(appendHeader(b, op, len(message)), message...)
}

// controlFrame makes the frame of a packet that WebSocket itself defines; no
// polling client gets it.
func controlFrame(op ws.OpCode, payload []byte) *Frame {
	return &Frame{websocket: append(appendHeader(nil, op, len(payload)), payload...)}
}

// appendPolling appends attachments to a text packet, if there is one, as they
// stand in a polling body (protocol, "HTTP long-polling, packet encoding").
func appendPolling(text []byte, attachments [][]byte) []byte {
	for _, a := range attachments {
		if len(text) > 0 {
			text = append(text, separator)
		}
		text = base64.StdEncoding.AppendEncode(append(text, 'b'), a)
	}
	return text
}

// frameOverhead is what a queued frame costs beside its bytes.
const frameOverhead = 128

// size is what the frame counts for in a queue, in bytes. It is that of the
// plain frame, which stays in memory, also for clients that get a smaller one:
// so it is known before, and the same at both ends of the queue.
func (f *Frame) size() int { return len(f.websocket) + frameOverhead }

func (f *Frame) expired() bool { return !f.expires.IsZero() && time.Now().After(f.expires) }

// Drop counts a copy of the frame as dropped. It is for callers that give a
// copy up before they queue it.
func (f *Frame) Drop() { f.tally.drop() }
