//go:build linux

package netloop

import (
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// write is a Write that is to be done, or the rest of one.
type write struct {
	data []byte
	done func(error)
}

// TryWrite implements link.Conn.
func (c *conn) TryWrite(p []byte) (int, error) {
	if !c.enter() {
		return 0, net.ErrClosed
	}
	defer c.exit()
	return c.put(p)
}

// put writes what the kernel takes at once.
func (c *conn) put(p []byte) (int, error) {
	n, err := unix.Write(c.fd, p)
	switch {
	case err == nil:
		return n, nil
	case notNow(err):
		return 0, nil
	default:
		return 0, os.NewSyscallError("write", err)
	}
}

// Write implements link.Conn.
func (c *conn) Write(p []byte, done func(error)) {
	if !c.enter() {
		done(net.ErrClosed)
		return
	}
	c.mu.Lock()
	c.writes = append(c.writes, write{p, done})
	c.update()
	c.mu.Unlock()
	c.exit()
}

// writable does what there is to write, as far as the kernel takes it. The
// connection was entered.
func (c *conn) writable() {
	w, ok := c.nextWrite()
	if !ok {
		return
	}
	n, err := c.put(w.data)
	if err == nil && n < len(w.data) {
		c.keepWrite(w.data[n:])
		return
	}
	c.endWrite()
	w.done(err)
	c.sleep()
}

func (c *conn) nextWrite() (w write, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.writes) == 0 {
		return write{}, false
	}
	return c.writes[0], true
}

func (c *conn) keepWrite(rest []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writes[0].data = rest
}

// endWrite forgets the first write. What its done queues in its place comes
// before the kernel is told.
func (c *conn) endWrite() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.writes = c.writes[1:]; len(c.writes) == 0 {
		c.writes = nil
	}
}
