package engineio

import (
	"io"
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
		_ = s.Send(controlFrame(ws.OpPong, payload)) // a session that has just ended answers no ping
		return nil
	case ws.OpPong:
		return nil
	case ws.OpClose:
		return io.EOF
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

// fromWebSocket gives a packet to the session, or to its upgrade.
func (s *Session) fromWebSocket(c *wsConn, p packet) error {
	s.mu.Lock()
	carries, open := s.ws == c, s.state == stateOpen
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
		s.close(reasonFor(err), closeFrame(closeCode(err)))
	}
	s.end(nil)
}

// tryWrite writes what can be written without waiting.
func (c *wsConn) tryWrite(data []byte) (int, error) {
	if c.fast == nil {
		return 0, nil
	}
	return c.fast.write(data)
}

// lastWrite is how long a connection that is about to be closed may take for
// its last frame, where writing may block at all.
const lastWrite = time.Second

// writeLast writes a frame before the connection is closed. It is for the
// reader, which may wait.
func (c *wsConn) writeLast(f *Frame) {
	if c.fast != nil {
		_, _ = c.fast.write(f.websocket) // the last word need not arrive
		return
	}
	_ = c.conn.SetWriteDeadline(time.Now().Add(lastWrite))
	_, _ = c.conn.Write(f.websocket)
}

// close ends the connection, and with it the reader.
func (c *wsConn) close() { _ = c.conn.Close() } // there is nobody to tell of an error
