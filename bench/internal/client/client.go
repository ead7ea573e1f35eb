// Package client is a Socket.IO client for load: it speaks WebSocket only, and
// packets are text that it neither parses nor builds. It costs little, so that
// the server is what a test is busy with.
package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/gobwas/ws"
)

// Conn is one client, connected to the namespace "/". One goroutine may
// receive while others send.
type Conn struct {
	// ID is that of its socket, and never changes.
	ID string

	conn net.Conn
	in   *bufio.Reader
	read []byte // owned by the receiver

	mu  sync.Mutex // guards writing
	out bytes.Buffer
}

// ErrHandshake is of a client that found no way to a session.
var ErrHandshake = errors.New("handshake")

// RefusedError is that of a client that was told a connect_error.
type RefusedError struct{ Packet string }

func (r *RefusedError) Error() string { return "CONNECT is answered with " + r.Packet }

// Dial connects to a server and its namespace "/", and returns once CONNECT is
// answered. The deadline of ctx holds for everything the client ever does.
func Dial(ctx context.Context, address string) (*Conn, error) {
	return dial(ctx, ws.Dialer{}, address, "")
}

// DialAs is Dial for a client with this `auth`, a JSON object. The error is
// ErrHandshake, a *RefusedError, or of a session that has ended.
func DialAs(ctx context.Context, address, auth string) (*Conn, error) {
	return dial(ctx, ws.Dialer{}, address, auth)
}

func dial(ctx context.Context, dialer ws.Dialer, address, auth string) (*Conn, error) {
	conn, early, _, err := dialer.Dial(ctx, "ws://"+address+"/socket.io/?EIO=4&transport=websocket")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrHandshake, err)
	}
	c := &Conn{conn: conn, in: early}
	if early == nil {
		c.in = bufio.NewReader(conn)
	}
	if err := c.connect(ctx, auth); err != nil {
		_ = conn.Close() // err says more
		return nil, err
	}
	return c, nil
}

func (c *Conn) connect(ctx context.Context, auth string) error {
	if deadline, ok := ctx.Deadline(); ok {
		if err := c.conn.SetDeadline(deadline); err != nil {
			return err
		}
	}
	open, err := c.message()
	if err != nil {
		return fmt.Errorf("wait for OPEN: %w", err)
	}
	if open[0] != '0' {
		return fmt.Errorf("the first packet is %q", open)
	}
	if err := c.Send("0" + auth); err != nil {
		return fmt.Errorf("send CONNECT: %w", err)
	}
	packet, err := c.Receive()
	if err != nil {
		return fmt.Errorf("wait for CONNECT: %w", err)
	}
	var answer struct {
		SID string `json:"sid"`
	}
	if packet[0] == '4' {
		return &RefusedError{string(packet)}
	}
	if packet[0] != '0' || json.Unmarshal(packet[1:], &answer) != nil || answer.SID == "" {
		return fmt.Errorf("CONNECT is answered with %q", packet)
	}
	c.ID = answer.SID
	return nil
}

// Send writes Socket.IO packets in one go.
func (c *Conn) Send(packets ...string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out.Reset()
	for _, packet := range packets {
		c.frame("4" + packet)
	}
	_, err := c.conn.Write(c.out.Bytes())
	return err
}

// frame adds a message to what is written next.
func (c *Conn) frame(message string) {
	_ = ws.WriteFrame(&c.out, ws.MaskFrameInPlace(ws.NewTextFrame([]byte(message)))) // a Buffer never fails
}

// pong answers a ping of the server.
func (c *Conn) pong() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out.Reset()
	c.frame("3")
	_, err := c.conn.Write(c.out.Bytes())
	return err
}

// Receive returns the next Socket.IO packet, io.EOF if the server has closed.
// The packet is valid until the next call.
func (c *Conn) Receive() ([]byte, error) {
	for {
		message, err := c.message()
		if err != nil {
			return nil, err
		}
		switch message[0] {
		case '2':
			if err := c.pong(); err != nil {
				return nil, err
			}
		case '4':
			return message[1:], nil
		}
	}
}

// message returns the next Engine.IO packet.
func (c *Conn) message() ([]byte, error) {
	header, err := ws.ReadHeader(c.in)
	if err != nil {
		return nil, err
	}
	c.read = slices.Grow(c.read[:0], int(header.Length))[:header.Length]
	if _, err := io.ReadFull(c.in, c.read); err != nil {
		return nil, err
	}
	switch {
	case header.OpCode == ws.OpClose:
		return nil, io.EOF
	case header.OpCode != ws.OpText || !header.Fin || header.Length == 0:
		return nil, fmt.Errorf("unexpected frame %+v", header)
	}
	return c.read, nil
}

// Until sets the deadline for everything that the client does.
func (c *Conn) Until(deadline time.Time) error { return c.conn.SetDeadline(deadline) }

// Close drops the connection.
func (c *Conn) Close() error { return c.conn.Close() }
