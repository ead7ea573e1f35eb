//go:build linux

package netloop

import (
	"golang.org/x/sys/unix"

	"github.com/seed52a35d2d/realtime-server/sio/internal/link"
	"github.com/seed52a35d2d/realtime-server/sio/internal/timeout"
)

// lingers are the connections that stay for their last word (link.Conn.Close).
type lingers struct {
	deadlines *timeout.List[*linger]
}

// linger is one of them.
type linger struct {
	conn     *conn
	deadline timeout.Entry[*linger]
}

func newLingers() *lingers {
	return &lingers{deadlines: timeout.New(link.LingerTime, func(l *linger) { l.conn.shut() })}
}

// close is called when all have gone.
func (ls *lingers) close() { ls.deadlines.Stop() }

// leave says the last word of a connection that was marked as leaving. Where a
// write is under way, or the loop does not wait for the connection, it ends at
// once.
func (c *conn) leave(last []byte) {
	c.mu.Lock()
	stays := c.started && len(c.writes) == 0
	c.mu.Unlock()
	_, err := unix.Write(c.fd, last) // the last word need not arrive
	if !stays || err != nil || unix.Shutdown(c.fd, unix.SHUT_WR) != nil {
		c.shut()
		return
	}
	l := &linger{conn: c}
	c.loop.lingers.deadlines.Set(&l.deadline, l)
	c.mu.Lock()
	c.linger = l
	c.update()
	c.mu.Unlock()
}

// left ends the stay of a connection that is being released.
func (c *conn) left() {
	if c.linger != nil { // nobody is in any more who could set it
		c.loop.lingers.deadlines.Cancel(&c.linger.deadline)
	}
}

// discard throws away what comes after the last word. The end of that is the
// end of the connection, which was entered.
func (c *conn) discard() {
	n, err := unix.Read(c.fd, c.loop.buffer)
	if n > 0 || err != nil && notNow(err) {
		return
	}
	c.shut()
}
