//go:build linux

package netloop

import (
	"errors"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	// batch is how many events a loop fetches with one system call.
	batch = 256
	// readSize is the size of a loop's buffer, which serves all of its
	// connections: how much one of them may send before it is another's turn.
	readSize = 64 << 10
)

// loop is one epoll instance. It is itself a file that Go's poller waits for,
// so that a loop without events costs no thread.
type loop struct {
	fd   int // of the epoll instance; valid until file is closed
	file *os.File
	raw  syscall.RawConn
	wg   sync.WaitGroup // the goroutine of run

	conns   table
	lingers *lingers        // the poller's
	open    *sync.WaitGroup // the poller's

	// Owned by run.
	events  [batch]unix.EpollEvent
	fetched int
	buffer  []byte
}

func newLoop(ls *lingers, open *sync.WaitGroup) (*loop, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // else os.File would not use Go's poller
		_ = unix.Close(fd) // err says more
		return nil, os.NewSyscallError("fcntl", err)
	}
	l := &loop{fd: fd, file: os.NewFile(uintptr(fd), "epoll"), lingers: ls, open: open, buffer: make([]byte, readSize)}
	if l.raw, err = l.file.SyscallConn(); err != nil {
		_ = l.file.Close()
		return nil, err
	}
	l.wg.Go(l.run)
	return l, nil
}

// run handles events until the loop is closed.
func (l *loop) run() {
	wait := l.fetch // made once, so that waiting allocates nothing
	for {
		if err := l.raw.Read(wait); err != nil {
			return // the loop was closed
		}
		for _, event := range l.events[:l.fetched] {
			l.handle(event)
		}
	}
}

// fetch takes the events that have happened. It reports false if there are
// none: Go's poller then waits until there are.
func (l *loop) fetch(fd uintptr) bool {
	n, err := unix.EpollWait(int(fd), l.events[:], 0)
	for errors.Is(err, unix.EINTR) {
		n, err = unix.EpollWait(int(fd), l.events[:], 0)
	}
	l.fetched = max(n, 0) // other errors are those of a program with a bug
	return l.fetched > 0
}

// handle lets a connection read and write.
func (l *loop) handle(event unix.EpollEvent) {
	c := l.conns.find(keyOf(event))
	if c == nil || !c.enterBefore(closed) {
		return // it was closed meanwhile
	}
	defer c.exit()
	if c.uses.Load() >= leaving {
		c.discard()
		return
	}
	if event.Events&^unix.EPOLLOUT != 0 {
		c.readable(event.Events)
	}
	if event.Events&(unix.EPOLLOUT|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		c.writable()
	}
}

// close ends the loop. It may be called once.
func (l *loop) close() {
	_ = l.file.Close() // ends run
	l.wg.Wait()
}
