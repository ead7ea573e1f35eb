//go:build linux

// Package netloop waits for many connections with a few goroutines, by means
// of Linux's epoll: a connection that has nothing to say owns no goroutine and
// no buffer.
//
//	poller.go  takes connections over and shares them out to the loops
//	loop.go    one epoll instance, and the goroutine that waits for it
//	conn.go    a connection: who uses it, and how it ends
//	linger.go  a connection's last word
//	read.go    what a loop does when there is something to read
//	write.go   writing, and what a loop does when there is room again
//	table.go   finds the connection that an event is for
package netloop

import (
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/seed52a35d2d/realtime-server/sio/internal/link"
)

// Poller is a link.Poller. Connections that are no sockets of the operating
// system, such as those under TLS, it leaves to goroutines. Its zero value is
// ready; it starts its loops for the first socket.
type Poller struct {
	start   sync.Once
	failed  error // why there are no loops
	loops   []*loop
	leavers *lingers
	next    atomic.Uint32
	// open counts connections until they are released. They are not when the
	// owner was told of the end: somebody else may still be in Close.
	open   sync.WaitGroup
	others link.Goroutines
}

// Adopt implements link.Poller. The connection gets a new descriptor, which
// Go's own poller knows nothing of. Where there is none to spare, the
// connection is left to goroutines too.
func (p *Poller) Adopt(conn net.Conn, owner link.Owner) link.Conn {
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return p.others.Adopt(conn, owner)
	}
	p.start.Do(func() {
		p.leavers = newLingers()
		p.loops, p.failed = newLoops(runtime.GOMAXPROCS(0), p.leavers, &p.open)
	})
	if p.failed != nil {
		return p.others.Adopt(conn, owner)
	}
	fd, err := duplicate(socket)
	if err != nil {
		return p.others.Adopt(conn, owner)
	}
	_ = conn.Close() // which leaves the duplicate open
	l := p.loops[p.next.Add(1)%uint32(len(p.loops))]
	return newConn(l, fd, owner)
}

func newLoops(count int, ls *lingers, open *sync.WaitGroup) ([]*loop, error) {
	var loops []*loop
	for range count {
		l, err := newLoop(ls, open)
		if err != nil {
			for _, l := range loops {
				l.close()
			}
			return nil, err
		}
		loops = append(loops, l)
	}
	return loops, nil
}

func duplicate(socket syscall.Conn) (fd int, err error) {
	raw, err := socket.SyscallConn()
	if err != nil {
		return 0, err
	}
	failed := raw.Control(func(old uintptr) {
		fd, err = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0)
	})
	if failed != nil {
		return 0, failed
	}
	return fd, err
}

// Close implements link.Poller.
func (p *Poller) Close() {
	p.open.Wait()
	if p.leavers != nil {
		p.leavers.close()
	}
	for _, l := range p.loops {
		l.close()
	}
	p.others.Close()
}
