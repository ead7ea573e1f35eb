//go:build linux

package netloop

import (
	"net"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/seed52a35d2d/realtime-server/sio/internal/link"
)

// conn is a link.Conn.
//
// Its descriptor is closed by the last who uses it: were it closed earlier,
// the number might already belong to another connection when it is used.
type conn struct {
	// Immutable.
	loop  *loop
	owner link.Owner
	fd    int
	key   key

	uses atomic.Int32 // how many use fd, and the bits leaving and closed

	mu      sync.Mutex // guards all below; what it covers never waits
	started bool
	ended   bool   // the owner was told, or is being told
	paused  bool   // read no more
	events  uint32 // what the loop waits for
	writes  []write
	linger  *linger // while it is leaving
}

// Bits of conn.uses, above all counts, in the order in which they are set:
// leaving lets only the loop in, closed nobody any more.
const (
	leaving = 1 << 29
	closed  = 1 << 30
)

func newConn(l *loop, fd int, owner link.Owner) *conn {
	c := &conn{loop: l, owner: owner, fd: fd}
	l.open.Add(1)
	c.key = l.conns.add(c)
	return c
}

// enter lets a user in, who must exit. It reports false once the connection is
// closed, or leaving.
func (c *conn) enter() bool { return c.enterBefore(leaving) }

// enterBefore is enter for a user whom only this bit, or a later one, keeps out.
func (c *conn) enterBefore(bit int32) bool {
	for {
		uses := c.uses.Load()
		if uses >= bit {
			return false
		}
		if c.uses.CompareAndSwap(uses, uses+1) {
			return true
		}
	}
}

func (c *conn) exit() {
	if c.uses.Add(-1)&^leaving == closed {
		c.release()
	}
}

// Start implements link.Conn.
func (c *conn) Start() {
	if c.enter() {
		err := c.register()
		if err != nil {
			c.end(err)
		}
		c.exit()
		return
	}
	c.mu.Lock()
	c.started = true
	c.mu.Unlock()
	c.end(net.ErrClosed)
}

// register makes the loop wait for the connection.
func (c *conn) register() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.started = true
	events := c.wanted()
	err := unix.EpollCtl(c.loop.fd, unix.EPOLL_CTL_ADD, c.fd, c.key.event(events))
	c.events = events
	return os.NewSyscallError("epoll_ctl", err)
}

// wanted is what the loop should wait for; the lock is held. Errors and the
// end of both directions always come.
func (c *conn) wanted() (events uint32) {
	if c.uses.Load()&leaving != 0 {
		return unix.EPOLLIN
	}
	if !c.paused && !c.ended {
		events = unix.EPOLLIN
	}
	if len(c.writes) > 0 {
		events |= unix.EPOLLOUT
	}
	return events
}

// update tells the kernel what the loop should wait for, if that has changed;
// the lock is held, and the connection was entered.
func (c *conn) update() {
	events := c.wanted()
	if !c.started || events == c.events {
		return
	}
	c.events = events
	// With a registered descriptor and valid events it cannot fail.
	_ = unix.EpollCtl(c.loop.fd, unix.EPOLL_CTL_MOD, c.fd, c.key.event(events))
}

// Close implements link.Conn.
func (c *conn) Close(last []byte) {
	switch {
	case !c.mark(leaving):
		return
	case len(last) == 0:
		c.shut()
	default:
		c.leave(last)
	}
	c.exit()
}

// shut lets nobody in any more. It may be called more than once.
func (c *conn) shut() {
	if c.mark(closed) {
		c.exit()
	}
}

// mark sets a bit of uses and counts the caller as a user, who must exit. It
// reports false if the bit, or a later one, is set already.
func (c *conn) mark(bit int32) bool {
	for {
		uses := c.uses.Load()
		if uses >= bit {
			return false
		}
		if c.uses.CompareAndSwap(uses, (uses|bit)+1) {
			return true
		}
	}
}

// release gives the descriptor back. Nobody uses it any more, and nobody ever
// will.
func (c *conn) release() {
	defer c.loop.open.Done()
	c.left()
	_ = unix.Close(c.fd) // which takes it out of the epoll instance
	c.loop.conns.remove(c.key)
	c.mu.Lock()
	writes := c.writes
	c.writes = nil
	started := c.started
	c.mu.Unlock()
	for _, w := range writes {
		w.done(net.ErrClosed)
	}
	if started {
		c.end(net.ErrClosed)
	}
}

// end tells the owner, once, that nothing will be received any more.
func (c *conn) end(err error) {
	c.mu.Lock()
	first := !c.ended
	c.ended = true
	c.mu.Unlock()
	if first {
		c.owner.Ended(err)
	}
}
