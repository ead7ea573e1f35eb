package link

import (
	"io"
	"net"
	"sync"
	"time"
)

// Goroutines is a Poller that works everywhere and for every connection, also
// under TLS: a goroutine waits for what comes, another one while a slow peer is
// written to.
type Goroutines struct {
	wg sync.WaitGroup
}

// Adopt implements Poller.
func (g *Goroutines) Adopt(conn net.Conn, owner Owner) Conn {
	return &goConn{conn: conn, raw: newRawConn(conn), owner: owner, wg: &g.wg}
}

// Close implements Poller.
func (g *Goroutines) Close() { g.wg.Wait() }

// goConn is a connection of Goroutines.
type goConn struct {
	// Immutable.
	conn  net.Conn
	raw   *rawConn // nil where the connection has no such thing
	owner Owner
	wg    *sync.WaitGroup

	buffer []byte // for reading where raw is nil; owned by the reader

	mu      sync.Mutex
	closed  bool
	resumed chan struct{} // closed by Resume; nil unless paused
	writes  []write
	writing bool // a goroutine does the writes
}

// write is a Write that is to be done.
type write struct {
	data []byte
	done func(error)
}

// Start implements Conn.
func (c *goConn) Start() {
	if !c.begin() {
		c.owner.Ended(net.ErrClosed)
		return
	}
	go func() {
		defer c.wg.Done()
		var err error
		for err == nil {
			c.waitResumed()
			err = c.read()
		}
		c.owner.Ended(err)
	}()
}

// begin counts a goroutine, unless the connection is closed: then nobody may
// be added to those that Goroutines.Close waits for.
func (c *goConn) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.wg.Add(1)
	return true
}

// read waits for bytes and gives them to the owner.
func (c *goConn) read() error {
	if c.raw != nil {
		p, buffer, err := c.raw.read()
		if err != nil {
			return err
		}
		defer giveBack(buffer)
		return c.receive(p)
	}
	if c.buffer == nil {
		c.buffer = make([]byte, 4<<10)
	}
	n, err := c.conn.Read(c.buffer)
	if n > 0 {
		err = c.receive(c.buffer[:n])
	}
	return err
}

// receive gives bytes to the owner, unless the connection is closed.
func (c *goConn) receive(p []byte) error {
	c.mu.Lock()
	closed := c.closed
	c.mu.Unlock()
	if closed {
		return net.ErrClosed
	}
	return c.owner.Received(p)
}

// Pause implements Conn.
func (c *goConn) Pause() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.resumed == nil && !c.closed {
		c.resumed = make(chan struct{})
	}
}

// Resume implements Conn.
func (c *goConn) Resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.resume()
}

func (c *goConn) resume() {
	if c.resumed != nil {
		close(c.resumed)
		c.resumed = nil
	}
}

func (c *goConn) waitResumed() {
	c.mu.Lock()
	resumed := c.resumed
	c.mu.Unlock()
	if resumed != nil {
		<-resumed
	}
}

// TryWrite implements Conn.
func (c *goConn) TryWrite(p []byte) (int, error) {
	if c.raw == nil {
		return 0, nil
	}
	return c.raw.write(p)
}

// Write implements Conn.
func (c *goConn) Write(p []byte, done func(error)) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		done(net.ErrClosed)
		return
	}
	c.writes = append(c.writes, write{p, done})
	start := !c.writing
	if start {
		c.writing = true
		c.wg.Add(1)
	}
	c.mu.Unlock()
	if start {
		go c.doWrites()
	}
}

// doWrites does what there is to write. Close makes what is left fail.
func (c *goConn) doWrites() {
	defer c.wg.Done()
	for {
		w, ok := c.nextWrite()
		if !ok {
			return
		}
		_, err := c.conn.Write(w.data)
		w.done(err)
	}
}

func (c *goConn) nextWrite() (w write, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.writes) == 0 {
		c.writes, c.writing = nil, false
		return write{}, false
	}
	w = c.writes[0]
	c.writes = c.writes[1:]
	return w, true
}

// Close implements Conn.
func (c *goConn) Close(last []byte) {
	c.mu.Lock()
	first := !c.closed
	if first {
		c.closed = true
		c.resume()
		c.wg.Add(1)
	}
	c.mu.Unlock()
	if !first {
		return
	}
	if len(last) == 0 {
		_ = c.conn.Close() // there is nobody to tell of an error
		c.wg.Done()
		return
	}
	rest, err := c.say(last)
	if err != nil {
		_ = c.conn.Close()
		c.wg.Done()
		return
	}
	go func() {
		defer c.wg.Done()
		c.linger(rest)
	}()
}

// linger writes the rest of the last word, and closes the connection when the
// peer has. Errors are the end of it as well.
func (c *goConn) linger(rest []byte) {
	defer c.conn.Close()
	_ = c.conn.SetDeadline(time.Now().Add(LingerTime))
	if len(rest) > 0 {
		if _, err := c.conn.Write(rest); err != nil {
			return
		}
	}
	half, ok := c.conn.(interface{ CloseWrite() error })
	if ok && half.CloseWrite() == nil {
		_, _ = io.Copy(io.Discard, c.conn)
	}
}

// say writes of the last word what goes without waiting, and returns the rest.
func (c *goConn) say(last []byte) (rest []byte, err error) {
	n, err := c.TryWrite(last)
	return last[n:], err
}
