//go:build linux

package main

import (
	"errors"

	"golang.org/x/sys/unix"
)

// loop serves all connections from one goroutine, which owns every field but
// jobs.
type loop struct {
	epoll    int
	listener int
	bell     int // an eventfd: there is a job
	jobs     chan job
	conns    map[int]*conn // by descriptor
	buffer   [64 << 10]byte
	events   [256]unix.EpollEvent
}

// job is a frame for all connections, and where to say how that went.
type job struct {
	frame []byte
	done  chan error
}

func newLoop(listener int) (*loop, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	bell, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, err
	}
	l := &loop{epoll: epoll, listener: listener, bell: bell, jobs: make(chan job), conns: map[int]*conn{}}
	return l, errors.Join(unix.SetNonblock(listener, true), l.watch(listener), l.watch(bell))
}

func (l *loop) watch(fd int) error {
	return unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}) //nolint:gosec // descriptors are small
}

// broadcast may be called by any goroutine.
func (l *loop) broadcast(frame []byte) error {
	if _, err := unix.Write(l.bell, []byte{1, 0, 0, 0, 0, 0, 0, 0}); err != nil {
		return err
	}
	j := job{frame, make(chan error, 1)}
	l.jobs <- j
	return <-j.done
}

func (l *loop) run() error {
	for {
		n, err := unix.EpollWait(l.epoll, l.events[:], -1)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		for _, event := range l.events[:max(n, 0)] {
			if err := l.handle(int(event.Fd)); err != nil {
				return err
			}
		}
	}
}

func (l *loop) handle(fd int) error {
	switch fd {
	case l.listener:
		return l.accept()
	case l.bell:
		return l.work()
	}
	c := l.conns[fd]
	if c == nil {
		return nil
	}
	if c.read(l.buffer[:]) != nil {
		delete(l.conns, fd)
		return unix.Close(fd)
	}
	return nil
}

// accept takes everybody who waits.
func (l *loop) accept() error {
	for {
		fd, _, err := unix.Accept4(l.listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return nil
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ECONNABORTED):
			continue
		case err != nil:
			return err
		}
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
			return err
		}
		l.conns[fd] = &conn{fd: fd}
		if err := l.watch(fd); err != nil {
			return err
		}
	}
}

// work does as many jobs as the bell has rung for.
func (l *loop) work() error {
	var count [8]byte
	if _, err := unix.Read(l.bell, count[:]); err != nil {
		return err
	}
	for range int(count[0]) | int(count[1])<<8 {
		j := <-l.jobs
		var err error
		for _, c := range l.conns {
			if c.joined && err == nil {
				err = c.write(j.frame)
			}
		}
		j.done <- err
	}
	return nil
}
