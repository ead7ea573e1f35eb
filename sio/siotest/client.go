package siotest

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/gobwas/httphead"
	"github.com/gobwas/ws"
)

// Where the server of a conversation is mounted.
const (
	// path is meant where a conversation names none.
	path = "/socket.io/"
	// MsgpackPath is for those who speak MessagePack.
	MsgpackPath = "/msgpack/"
)

// target is what a line asks for: a query, with or without a path.
func target(text string) string {
	if strings.HasPrefix(text, "/") {
		return text
	}
	return path + text
}

// client is one connection of a conversation: an HTTP request or a WebSocket.
// What it hears goes to its log.
type client struct {
	conn net.Conn
	log  func(format string, args ...any)
	out  chan []byte // what is to be written: the pipe takes it only when the server reads
	// msgpack says that bytes are MessagePack.
	msgpack bool
}

func newClient(conn net.Conn, log func(format string, args ...any)) *client {
	c := &client{conn: conn, log: log, out: make(chan []byte, 100)}
	go func() {
		for data := range c.out {
			_, _ = conn.Write(data) // the server may close first, and its log says so
		}
	}()
	return c
}

// end closes the connection for good.
func (c *client) end() {
	_ = c.conn.Close()
	close(c.out)
}

// request sends an HTTP request and logs the response.
func (c *client) request(method, query, contentType, body string) {
	c.out <- fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s",
		method, target(query), contentType, len(body), body)
	go func() {
		defer c.conn.Close()
		c.readResponse(bufio.NewReader(c.conn))
	}()
}

// postBytes posts what hexadecimal digits say.
func (c *client) postBytes(query, digits string) error {
	body, err := hex.DecodeString(digits)
	c.request(http.MethodPost, query, "application/octet-stream", string(body))
	return err
}

// requestRaw sends text, logs the response, and logs when the server closes.
func (c *client) requestRaw(text string) {
	c.out <- []byte(text)
	go func() {
		defer c.conn.Close()
		r := bufio.NewReader(c.conn)
		c.readResponse(r)
		if _, err := r.ReadByte(); err != nil {
			c.log("< end")
		}
	}()
}

func (c *client) readResponse(r *bufio.Reader) {
	response, err := http.ReadResponse(r, nil)
	if err != nil {
		c.log("= no response")
		return
	}
	c.logResponse(response)
}

func (c *client) logResponse(response *http.Response) {
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		c.log("= %d broken off", response.StatusCode)
		return
	}
	if response.Header.Get("Content-Type") == "application/octet-stream" {
		c.log("= %d bytes %x", response.StatusCode, body)
		return
	}
	c.log("= %d %s", response.StatusCode, body)
}

// upgrade opens a WebSocket and logs its frames, and which of the extensions
// that it offers were accepted.
func (c *client) upgrade(query string, offers ...httphead.Option) {
	c.msgpack = strings.HasPrefix(query, MsgpackPath)
	go func() {
		defer c.conn.Close()
		dialer := ws.Dialer{NetDial: func(context.Context, string, string) (net.Conn, error) { return c.conn, nil }, Extensions: offers}
		var status int
		dialer.OnStatusError = func(code int, _ []byte, response io.Reader) {
			status = code
			if r, err := http.ReadResponse(bufio.NewReader(response), nil); err == nil {
				c.logResponse(r)
			}
		}
		_, early, handshake, err := dialer.Dial(context.Background(), "ws://test"+target(query))
		if err != nil {
			if status == 0 {
				c.log("= no response")
			}
			return
		}
		for _, accepted := range handshake.Extensions {
			c.log("= %s", extension(accepted))
		}
		var r io.Reader = c.conn
		if early != nil {
			r = io.MultiReader(early, c.conn)
		}
		c.readFrames(r)
	}()
}

func (c *client) readFrames(r io.Reader) {
	for {
		header, err := ws.ReadHeader(r)
		if err != nil {
			c.log("< end")
			return
		}
		payload := make([]byte, header.Length)
		if _, err := io.ReadFull(r, payload); err != nil {
			c.log("< end within a frame")
			return
		}
		squeezed := ""
		if header.Rsv == rsv1 {
			squeezed, payload = "z", inflate(payload)
		}
		switch header.OpCode {
		case ws.OpText:
			c.log("<%s %s", squeezed, payload)
		case ws.OpBinary:
			c.logBytes(squeezed, payload)
		case ws.OpClose:
			code, _ := ws.ParseCloseFrameData(payload)
			c.log("< close %d", code)
		default:
			c.log("< opcode %d %q", header.OpCode, payload)
		}
	}
}

func (c *client) logBytes(squeezed string, payload []byte) {
	if c.msgpack {
		if text, err := fromMsgpack(payload); err == nil {
			c.log("<%sm %s", squeezed, text)
			return
		}
	}
	c.log("<%sb %x", squeezed, payload)
}

// send writes what a line of a conversation says.
func (c *client) send(verb, text string) error {
	var frame ws.Frame
	kind, squeezed := strings.CutPrefix(verb, ">z")
	if squeezed {
		verb = ">" + kind
	}
	switch verb {
	case ">":
		frame = ws.NewTextFrame([]byte(text))
	case ">b":
		payload, err := hex.DecodeString(text)
		if err != nil {
			return err
		}
		frame = ws.NewBinaryFrame(payload)
	case ">m":
		payload, err := toMsgpack(text)
		if err != nil {
			return err
		}
		frame = ws.NewBinaryFrame(payload)
	case ">raw":
		raw, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
		if err != nil {
			return err
		}
		c.out <- raw
		return nil
	case "ping":
		frame = ws.NewPingFrame([]byte(text))
	case "close":
		frame = ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusNormalClosure, ""))
	case "drop":
		return c.conn.Close()
	default:
		return fmt.Errorf("unknown verb %q", verb)
	}
	if squeezed {
		frame = squeeze(frame)
	}
	data, err := ws.CompileFrame(ws.MaskFrameInPlaceWith(frame, [4]byte{1, 2, 3, 4}))
	c.out <- data
	return err
}
