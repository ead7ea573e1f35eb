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

	"github.com/gobwas/ws"
)

// path is where the server of a conversation is mounted.
const path = "/socket.io/"

// client is one connection of a conversation: an HTTP request or a WebSocket.
// What it hears goes to its log.
type client struct {
	conn net.Conn
	log  func(format string, args ...any)
	out  chan []byte // what is to be written: the pipe takes it only when the server reads
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
func (c *client) request(method, query, body string) {
	c.out <- fmt.Appendf(nil, "%s %s%s HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s",
		method, path, query, len(body), body)
	go func() {
		defer c.conn.Close()
		c.readResponse(bufio.NewReader(c.conn))
	}()
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
	c.log("= %d %s", response.StatusCode, body)
}

// upgrade opens a WebSocket and logs its frames.
func (c *client) upgrade(query string) {
	go func() {
		defer c.conn.Close()
		dialer := ws.Dialer{NetDial: func(context.Context, string, string) (net.Conn, error) { return c.conn, nil }}
		var status int
		dialer.OnStatusError = func(code int, _ []byte, response io.Reader) {
			status = code
			if r, err := http.ReadResponse(bufio.NewReader(response), nil); err == nil {
				c.logResponse(r)
			}
		}
		_, early, _, err := dialer.Dial(context.Background(), "ws://test"+path+query)
		if err != nil {
			if status == 0 {
				c.log("= no response")
			}
			return
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
		switch header.OpCode {
		case ws.OpText:
			c.log("< %s", payload)
		case ws.OpBinary:
			c.log("<b %x", payload)
		case ws.OpClose:
			code, _ := ws.ParseCloseFrameData(payload)
			c.log("< close %d", code)
		default:
			c.log("< opcode %d %q", header.OpCode, payload)
		}
	}
}

// send writes what a line of a conversation says.
func (c *client) send(verb, text string) error {
	var frame ws.Frame
	switch verb {
	case ">":
		frame = ws.NewTextFrame([]byte(text))
	case ">b":
		payload, err := hex.DecodeString(text)
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
	data, err := ws.CompileFrame(ws.MaskFrameInPlaceWith(frame, [4]byte{1, 2, 3, 4}))
	c.out <- data
	return err
}
