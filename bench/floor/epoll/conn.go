//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"

	"github.com/gobwas/ws"
	"golang.org/x/sys/unix"

	"github.com/seed52a35d2d/realtime-server/bench/floor"
)

// conn is a connection. It owns no buffer unless a piece of a frame has come.
type conn struct {
	fd     int
	opened bool // the handshake is done
	joined bool // gets broadcasts
	rest   []byte
}

// read takes what has come and answers it. An error ends the connection.
func (c *conn) read(buffer []byte) error {
	n, err := unix.Read(c.fd, buffer)
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		return nil
	case err != nil:
		return err
	case n == 0:
		return io.EOF
	}
	in := buffer[:n]
	if c.rest != nil {
		in = append(c.rest, in...)
	}
	taken, err := c.take(in)
	c.rest = nil
	if taken < len(in) {
		c.rest = bytes.Clone(in[taken:])
	}
	return err
}

// take answers what is whole and says how much that was.
func (c *conn) take(in []byte) (taken int, err error) {
	for err == nil {
		var n int
		if c.opened {
			n, err = c.frame(in[taken:])
		} else {
			n, err = c.handshake(in[taken:])
		}
		if n == 0 {
			break
		}
		taken += n
	}
	return taken, err
}

func (c *conn) handshake(in []byte) (int, error) {
	end := bytes.Index(in, []byte("\r\n\r\n"))
	if end < 0 {
		return 0, nil
	}
	_, key, _ := bytes.Cut(in[:end], []byte("Sec-WebSocket-Key: "))
	key, _, _ = bytes.Cut(key, []byte("\r\n"))
	c.opened = true
	return end + len("\r\n\r\n"), c.write(floor.Welcome(string(key)))
}

// frame answers one masked text frame of less than 64 KiB: none of a client
// of this benchmark is longer.
func (c *conn) frame(in []byte) (int, error) {
	const mask = 4
	if len(in) < 2 {
		return 0, nil
	}
	if ws.OpCode(in[0]&0x0f) != ws.OpText {
		return 0, io.EOF
	}
	at, length := 2, int(in[1]&0x7f)
	if length == 126 {
		if len(in) < 4 {
			return 0, nil
		}
		at, length = 4, int(binary.BigEndian.Uint16(in[2:]))
	}
	size := at + mask + length
	if len(in) < size {
		return 0, nil
	}
	message := in[at+mask : size]
	ws.Cipher(message, [mask]byte(in[at:]), 0)
	frame, joins := floor.Answer(message)
	c.joined = c.joined || joins
	return size, c.write(frame)
}

// write waits for a client that is slow, as the other floor does.
func (c *conn) write(frame []byte) error {
	for len(frame) > 0 {
		n, err := unix.Write(c.fd, frame)
		switch {
		case errors.Is(err, unix.EAGAIN):
			_, _ = unix.Poll([]unix.PollFd{{Fd: int32(c.fd), Events: unix.POLLOUT}}, -1) //nolint:gosec // descriptors are small
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return err
		default:
			frame = frame[n:]
		}
	}
	return nil
}
