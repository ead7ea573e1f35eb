package engineio

import (
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/gobwas/ws"

	"github.com/seed52a35d2d/realtime-server/sio/internal/timeout"
)

// wsConn is a WebSocket that carries a session, or one day may.
type wsConn struct {
	session *Session
	conn    net.Conn
	fast    *nonblocking // nil where the connection has no such thing
	buffer  []byte       // for reading where fast is nil
	decoder wsDecoder    // owned by the reader

	deadline timeout.Entry[*wsConn] // in server.upgrades until it carries the session
}

// Packets and frames that are the same for everybody.
var (
	closePacket = packetFrame(packetClose, nil)
	noopPacket  = packetFrame(packetNoop, nil)
	pingPacket  = packetFrame(packetPing, nil)
	probeAnswer = packetFrame(packetPong, []byte("probe"))
	wsGoodbye   = closeFrame(ws.StatusNormalClosure)
)

// isUpgrade reports whether a request asks for a WebSocket.
func isUpgrade(r *http.Request) bool {
	return strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// accept answers the WebSocket handshake (RFC 6455, section 4.2) and takes
// the connection over from net/http. early is what the client has sent
// already.
func (s *Server) accept(w http.ResponseWriter, r *http.Request) (c *wsConn, early []byte, err error) {
	upgrader := ws.HTTPUpgrader{Header: w.Header()}
	conn, rw, _, err := upgrader.Upgrade(r, w)
	if err != nil {
		if conn != nil { // the upgrader has answered on it
			_ = conn.Close()
		}
		return nil, nil, err
	}
	early, err = rw.Peek(rw.Reader.Buffered())
	if err != nil {
		_ = conn.Close() // it is being given up
		return nil, nil, err
	}
	c = &wsConn{conn: conn, fast: newNonblocking(conn)}
	c.decoder.max = s.cfg.MaxPayload
	return c, append([]byte(nil), early...), nil
}

// run reads until the connection ends. Its goroutine holds nothing of the
// HTTP request that the connection began with.
func (c *wsConn) run(early []byte) {
	err := c.decoder.feed(early, c.receive)
	for err == nil {
		c.session.waitResumed(nil) // the end of the session resumes too
		err = c.readSome()
	}
	c.session.lost(c, err)
}

// readSome waits for bytes and feeds them to the decoder.
func (c *wsConn) readSome() error {
	if c.fast != nil {
		p, buffer, err := c.fast.read()
		if err != nil {
			return err
		}
		defer giveBack(buffer)
		return c.decoder.feed(p, c.receive)
	}
	if c.buffer == nil {
		c.buffer = make([]byte, 4<<10)
	}
	n, err := c.conn.Read(c.buffer)
	if n > 0 {
		err = c.decoder.feed(c.buffer[:n], c.receive)
	}
	return err
}

// receive takes one message or control frame from the decoder.
func (c *wsConn) receive(op ws.OpCode, payload []byte) error {
	s := c.session
	switch op {
	case ws.OpPing:
		return s.answerPing(c, controlFrame(ws.OpPong, payload))
	case ws.OpPong:
		return nil
	case ws.OpClose:
		return checkClose(payload)
	case ws.OpBinary:
		return s.fromWebSocket(c, packet{kind: packetMessage, binary: true, data: payload})
	default:
		p, err := decodeText(payload)
		if err != nil {
			return ended(ParseError)
		}
		return s.fromWebSocket(c, p)
	}
}

// answerPing sends a WebSocket's own pong. Where the WebSocket does not carry
// the session, the session's queue is not for it.
func (s *Session) answerPing(c *wsConn, pong *Frame) error {
	s.mu.Lock()
	carries := s.ws == c
	s.mu.Unlock()
	if !carries {
		return c.writeAside(pong)
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
		c.close() // an upgrade that came to nothing; the session goes on
		return
	}
	if open { // else our own close frame was the last word
		s.close(reasonFor(err), lastWord(err))
	}
	s.end(nil)
}

// bytes is what a frame is on this connection.
func (c *wsConn) bytes(f *Frame) []byte { return f.websocket }

// tryWrite writes what can be written without waiting.
func (c *wsConn) tryWrite(data []byte) (int, error) {
	if c.fast == nil {
		return 0, nil
	}
	return c.fast.write(data)
}

// asideTime is how long a connection may take for a frame that its reader
// writes itself.
const asideTime = time.Second

// writeAside writes a frame past the session's queue: the last one before the
// connection is closed, or one before it carries a session. It is for the
// reader, which may wait.
func (c *wsConn) writeAside(f *Frame) error {
	data := c.bytes(f)
	n, err := c.tryWrite(data)
	if err != nil || n == len(data) {
		return err
	}
	if err := c.conn.SetWriteDeadline(time.Now().Add(asideTime)); err != nil {
		return err
	}
	if _, err := c.conn.Write(data[n:]); err != nil {
		return err
	}
	return c.conn.SetWriteDeadline(time.Time{})
}

// close ends the connection, and with it the reader.
func (c *wsConn) close() { _ = c.conn.Close() } // there is nobody to tell of an error
