package engineio

import (
	"sync/atomic"

	"github.com/gobwas/ws"

	"github.com/seed52a35d2d/realtime-server/sio/internal/link"
	"github.com/seed52a35d2d/realtime-server/sio/internal/timeout"
)

// wsConn is a WebSocket that carries a session, or one day may.
type wsConn struct {
	session *Session
	conn    link.Conn
	decoder wsDecoder // owned by who calls Received

	wire     wire                   // immutable
	window   uint8                  // immutable; see negotiateDeflate
	asides   atomic.Int32           // see writeAside
	deadline timeout.Entry[*wsConn] // in server.upgrades until it carries the session
}

// Packets and frames that are the same for everybody.
var (
	closePacket = packetFrame(packetClose, nil)
	noopPacket  = packetFrame(packetNoop, nil)
	pingPacket  = packetFrame(packetPing, nil)
	pongPacket  = packetFrame(packetPong, nil)
	probeAnswer = packetFrame(packetPong, []byte("probe"))
	wsGoodbye   = closeFrame(ws.StatusNormalClosure)
)

// start begins to read, with what the client has sent already. The caller has
// counted the connection with Server.wg. Nothing of the HTTP request that it
// began with is held.
func (c *wsConn) start(early []byte) {
	if err := c.Received(early); err != nil {
		c.Ended(err)
		return
	}
	c.conn.Start()
}

// Received implements link.Owner.
func (c *wsConn) Received(p []byte) error {
	if err := c.session.spend(0, len(p)); err != nil {
		return err
	}
	rules := wsRules{max: c.session.server.cfg.MaxPayload, deflate: c.window > 0}
	h := hearing{wsConn: c}
	if err := c.decoder.feed(p, rules, h.receive); err != nil {
		return err
	}
	return h.answer()
}

// hearing is the taking of what one read has brought. Pings are answered at
// its end, all of them once (RFC 6455, section 5.5.3): a flood of pings costs
// no more writes than reads.
type hearing struct {
	*wsConn

	pinged, beaten bool
	payload        []byte // of the last ping
}

// Ended implements link.Owner.
func (c *wsConn) Ended(err error) {
	defer c.session.server.wg.Done()
	c.session.lost(c, err)
}

// receive takes one message or control frame from the decoder.
func (h *hearing) receive(op ws.OpCode, payload []byte) error {
	if err := h.session.spend(1, h.inflated(payload)); err != nil {
		return err
	}
	switch op {
	case ws.OpPing:
		h.pinged, h.payload = true, payload
		return nil
	case ws.OpPong:
		return nil
	case ws.OpClose:
		return checkClose(payload)
	default:
		p, err := h.wire.fromWebSocket(op, payload)
		if err != nil {
			return ended(ParseError)
		}
		if p.kind == packetPing && h.wire != wire4 && len(p.data) == 0 {
			h.beaten = true
			return nil
		}
		return h.session.fromWebSocket(h.wsConn, p)
	}
}

// inflated is what a message counts for beside the bytes that have come.
func (h *hearing) inflated(payload []byte) int {
	if h.window == 0 {
		return 0
	}
	return len(payload)
}

// answer answers the last ping of WebSocket, and the last of Engine.IO 3.
func (h *hearing) answer() error {
	if h.beaten {
		if err := h.session.fromWebSocket(h.wsConn, packet{kind: packetPing}); err != nil {
			return err
		}
	}
	if h.pinged {
		return h.session.answerPing(h.wsConn, controlFrame(ws.OpPong, h.payload))
	}
	return nil
}

// answerPing sends a WebSocket's own pong. Where the WebSocket does not carry
// the session, the session's queue is not for it.
func (s *Session) answerPing(c *wsConn, pong *Frame) error {
	s.mu.Lock()
	carries := s.ws == c
	s.mu.Unlock()
	if !carries {
		return c.writeAside(c.bytes(pong))
	}
	_ = s.Send(pong) // a session that has just ended answers no ping
	return nil
}

// checkClose says how a close frame of the client ends the connection (RFC
// 6455, section 7.4).
func checkClose(payload []byte) error {
	if len(payload) == 0 {
		return ended(TransportClose)
	}
	code, reason := ws.ParseCloseFrameDataUnsafe(payload)
	if len(payload) == 1 || ws.CheckCloseFrameData(code, reason) != nil {
		return &wsError{ws.StatusProtocolError, "bad close frame"}
	}
	return ended(TransportClose)
}

// fromWebSocket gives a packet to the session, or to its upgrade.
func (s *Session) fromWebSocket(c *wsConn, p packet) error {
	s.mu.Lock()
	carries, open := s.ws == c, s.state == stateOpen
	if carries {
		s.heard()
	}
	s.mu.Unlock()
	switch {
	case !carries:
		return s.fromProbe(c, p)
	case !open:
		return nil // what a client says while its session closes is too late
	default:
		return s.handle(p)
	}
}

// lost is told that the reading of a WebSocket has ended.
func (s *Session) lost(c *wsConn, err error) {
	s.mu.Lock()
	carries, open := s.ws == c, s.state == stateOpen
	if s.probe == c {
		s.probe, s.probed = nil, false
	}
	s.mu.Unlock()
	if !carries {
		s.server.upgrades.Cancel(&c.deadline)
		c.close(nil) // an upgrade that came to nothing; the session goes on
		return
	}
	if open { // else our own close frame was the last word
		s.close(reasonFor(err), lastWord(err))
	}
	s.end(nil)
}

// bytes is what a frame is on this connection.
func (c *wsConn) bytes(f *Frame) []byte {
	if c.window == 0 {
		return f.onWebSocket(c.wire)
	}
	return c.session.server.deflater.bytes(f, c.wire, c.window)
}

// maxAsides is how many writes past the session's queue may wait at once.
const maxAsides = 16

// writeAside writes a few bytes past the session's queue: for a connection
// that does not carry the session yet. The error is an ended.
func (c *wsConn) writeAside(data []byte) error {
	n, err := c.conn.TryWrite(data)
	if err != nil || n == len(data) {
		return err
	}
	if c.asides.Add(1) > maxAsides {
		return ended(TransportError)
	}
	c.conn.Write(data[n:], func(error) { c.asides.Add(-1) })
	return nil
}

// close ends the connection. last, if not nil, is a frame that the client
// should still receive.
func (c *wsConn) close(last *Frame) {
	if last == nil {
		c.conn.Close(nil)
		return
	}
	c.conn.Close(c.bytes(last))
}
