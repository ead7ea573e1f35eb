//go:build unix

package link

import (
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
)

// rawConn reads and writes a socket of the operating system without waiting in
// a write, and without holding a buffer while it waits in a read.
//
// One goroutine may read while another writes. The functions given to the raw
// connection are made once, so that a call allocates nothing.
type rawConn struct {
	raw syscall.RawConn

	tryRead func(fd uintptr) bool
	buffer  *[]byte
	got     int
	readErr error

	tryWrite func(fd uintptr) bool
	data     []byte
	put      int
	writeErr error
}

// newRawConn returns nil for a connection that is no socket of the operating
// system, such as one under TLS.
func newRawConn(conn net.Conn) *rawConn {
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return nil
	}
	n := &rawConn{raw: raw}
	n.tryRead, n.tryWrite = n.readOnce, n.writeOnce
	return n
}

// write writes what the kernel takes at once.
func (n *rawConn) write(data []byte) (int, error) {
	n.data = data
	err := n.raw.Write(n.tryWrite)
	n.data = nil
	if err == nil {
		err = n.writeErr
	}
	return n.put, err
}

func (n *rawConn) writeOnce(fd uintptr) bool {
	n.put, n.writeErr = syscall.Write(int(fd), n.data)
	if n.put < 0 {
		n.put = 0
	}
	if errors.Is(n.writeErr, syscall.EAGAIN) || errors.Is(n.writeErr, syscall.EINTR) {
		n.writeErr = nil
	}
	return true
}

var readBuffers = sync.Pool{New: func() any { b := make([]byte, 16<<10); return &b }}

// giveBack ends the use of a buffer that read returned.
func giveBack(buffer *[]byte) { readBuffers.Put(buffer) }

// read waits for bytes. The caller gives the buffer back.
func (n *rawConn) read() (p []byte, buffer *[]byte, err error) {
	if err := n.raw.Read(n.tryRead); err != nil {
		return nil, nil, err
	}
	buffer, n.buffer = n.buffer, nil
	switch {
	case n.readErr != nil:
		giveBack(buffer)
		return nil, nil, n.readErr
	case n.got == 0:
		giveBack(buffer)
		return nil, nil, io.EOF
	}
	return (*buffer)[:n.got], buffer, nil
}

func (n *rawConn) readOnce(fd uintptr) bool {
	n.buffer = readBuffers.Get().(*[]byte) //nolint:errcheck // the pool holds nothing else
	n.got, n.readErr = syscall.Read(int(fd), *n.buffer)
	for errors.Is(n.readErr, syscall.EINTR) {
		n.got, n.readErr = syscall.Read(int(fd), *n.buffer)
	}
	if errors.Is(n.readErr, syscall.EAGAIN) {
		giveBack(n.buffer)
		n.buffer = nil
		return false
	}
	return true
}
