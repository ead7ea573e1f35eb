package testenv

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// Proxy is a TCP proxy with the faults that a network has. Its address stays
// the same. A fault of a direction holds for all connections.
type Proxy struct {
	listener net.Listener

	mu     sync.Mutex
	target string
	delay  time.Duration
	hole   chan struct{} // bytes that are on their way wait until it is closed; nil: they do not
	refuse bool
	conns  map[net.Conn]struct{}
	closed bool

	running sync.WaitGroup
}

// StartProxy starts a proxy in front of an address. It ends with the test.
func StartProxy(t *testing.T, target string) *Proxy {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", OwnAddress())
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{listener: listener, target: target, conns: map[net.Conn]struct{}{}}
	p.running.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

// Address is where the proxy listens.
func (p *Proxy) Address() string { return p.listener.Addr().String() }

// SetTarget sends new connections elsewhere, as a changed name does. Those that
// are open stay where they are.
func (p *Proxy) SetTarget(address string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = address
}

// SetDelay makes everything take longer, half in each direction.
func (p *Proxy) SetDelay(roundTrip time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = roundTrip / 2
}

// Refuse makes the proxy close new connections at once, or not any more.
func (p *Proxy) Refuse(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = on
}

// BlackHole makes the proxy swallow everything, without closing anything: new
// connections are accepted and hear nothing. When it ends, bytes that were sent
// meanwhile arrive.
func (p *Proxy) BlackHole(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case on && p.hole == nil:
		p.hole = make(chan struct{})
	case !on && p.hole != nil:
		close(p.hole)
		p.hole = nil
	}
}

// Cut resets all connections that are open, and returns how many there were.
func (p *Proxy) Cut() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.conns)
	for conn := range p.conns {
		reset(conn)
	}
	return n / 2
}

// reset closes a connection with RST instead of FIN.
func reset(conn net.Conn) {
	if c, ok := conn.(*net.TCPConn); ok {
		_ = c.SetLinger(0) // it may be closed
	}
	conn.Close()
}

func (p *Proxy) close() {
	p.BlackHole(false)
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.listener.Close()
	p.Cut()
	p.running.Wait()
}

func (p *Proxy) accept() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() { p.serve(conn) })
	}
}

// serve moves bytes until one of the two sides has ended.
func (p *Proxy) serve(client net.Conn) {
	defer client.Close()
	p.mu.Lock()
	target, refuse := p.target, p.refuse
	p.mu.Unlock()
	if refuse {
		reset(client)
		return
	}
	server, err := net.DialTimeout("tcp", target, patience) //nolint:noctx // the patience ends it
	if err != nil {
		reset(client)
		return
	}
	defer server.Close()
	if !p.add(client, server) {
		return
	}
	defer p.remove(client, server)
	var both sync.WaitGroup
	both.Go(func() { p.move(server, client) })
	both.Go(func() { p.move(client, server) })
	both.Wait()
}

func (p *Proxy) add(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		p.conns[c] = struct{}{}
	}
	return !p.closed
}

func (p *Proxy) remove(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		delete(p.conns, c)
	}
}

// piece is bytes that are due at a time.
type piece struct {
	due  time.Time
	data []byte
}

// move moves bytes in one direction. A delay does not make them fewer: what is
// on its way waits in a line, of a bounded length.
func (p *Proxy) move(to, from net.Conn) {
	line := make(chan piece, 1024)
	var writer sync.WaitGroup
	writer.Go(func() { p.write(to, line) })
	for {
		data := make([]byte, 32<<10)
		n, err := from.Read(data)
		if n > 0 {
			p.mu.Lock()
			due := time.Now().Add(p.delay)
			p.mu.Unlock()
			line <- piece{due, data[:n]}
		}
		if err != nil {
			break
		}
	}
	close(line)
	writer.Wait()
	to.Close()
}

func (p *Proxy) write(to io.Writer, line <-chan piece) {
	broken := false
	for next := range line {
		time.Sleep(time.Until(next.due))
		p.mu.Lock()
		hole := p.hole
		p.mu.Unlock()
		if hole != nil {
			<-hole
		}
		if !broken {
			_, err := to.Write(next.data)
			broken = err != nil
		}
	}
}
