//go:build linux

package netloop

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// readable reads once and gives the bytes to the owner: what is left makes the
// loop come back, after the others' turn. The connection was entered.
func (c *conn) readable(events uint32) {
	if !c.reads(events) {
		return
	}
	n, err := unix.Read(c.fd, c.loop.buffer)
	switch {
	case err == nil && n > 0:
		err = c.owner.Received(c.loop.buffer[:n])
	case err == nil:
		err = io.EOF
	case notNow(err):
		return
	default:
		err = os.NewSyscallError("read", err)
	}
	if err != nil {
		c.end(err)
		c.sleep()
	}
}

// notNow reports whether a system call is to be made again later.
func notNow(err error) bool { return errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) }

// reads reports whether something may be read now. If not, the loop is not to
// come back for it. A connection that has broken is found out even while it is
// paused.
func (c *conn) reads(events uint32) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return false
	}
	if c.paused && events&(unix.EPOLLHUP|unix.EPOLLERR) == 0 {
		c.update()
		return false
	}
	return true
}

// sleep makes the loop wait for what is still wanted, which after the end is
// only room to write.
func (c *conn) sleep() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.update()
}

// Pause implements link.Conn. The kernel is told when the next bytes come, if
// they come before Resume.
func (c *conn) Pause() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paused = true
}

// Resume implements link.Conn.
func (c *conn) Resume() {
	if !c.enter() {
		return
	}
	c.mu.Lock()
	c.paused = false
	c.update()
	c.mu.Unlock()
	c.exit()
}
