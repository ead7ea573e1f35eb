package engineio

import (
	"bufio"
	"bytes"
	"net"
	"net/http"
	"strings"

	"github.com/gobwas/ws"
)

// isUpgrade reports whether a request asks for a WebSocket.
func isUpgrade(r *http.Request) bool {
	return strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// accepted is a WebSocket whose handshake we agree to.
type accepted struct {
	conn *wsConn
	// answer agrees to the handshake. It is the first thing to be written.
	answer []byte
	// early is what the client has sent already.
	early []byte
}

// accept makes the answer to a WebSocket handshake (RFC 6455, section 4.2) and
// takes the connection over from net/http. A handshake that is wrong is
// answered here.
func (s *Server) accept(w http.ResponseWriter, r *http.Request) (*accepted, error) {
	c := &wsConn{wire: wireOf(r.URL.Query())}
	if s.deflater != nil {
		c.window = negotiateDeflate(r.Header, w.Header())
	}
	taken := &takeover{ResponseWriter: w}
	upgrader := ws.HTTPUpgrader{Header: w.Header(), Protocol: firstProtocol}
	conn, rw, _, err := upgrader.Upgrade(r, taken)
	if err != nil {
		if conn != nil {
			_, _ = conn.Write(taken.answer.Bytes()) // it is being given up
			_ = conn.Close()
		}
		return nil, err
	}
	early, err := rw.Peek(rw.Reader.Buffered())
	if err != nil {
		_ = conn.Close() // it is being given up
		return nil, err
	}
	c.conn = s.poller.Adopt(conn, c)
	return &accepted{c, taken.answer.Bytes(), bytes.Clone(early)}, nil
}

// firstProtocol takes the first subprotocol that a client offers, as the stock
// server does. Browsers give up where one was offered and none chosen; to us
// they mean nothing.
func firstProtocol(string) bool { return true }

// takeover keeps what is written to a connection that was taken over, so that
// the answer to a handshake leaves together with the first packet.
type takeover struct {
	http.ResponseWriter
	answer bytes.Buffer
}

// Hijack implements http.Hijacker.
func (t *takeover) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(t.ResponseWriter).Hijack()
	if err == nil {
		rw.Writer.Reset(&t.answer)
	}
	return conn, rw, err
}
