package client

import (
	"context"
	"errors"
	"net"
	"syscall"

	"github.com/gobwas/ws"
	"golang.org/x/sys/unix"
)

// The sizes of a narrow connection: the segments of Ethernet, and little room
// for what the client has not read. On loopback, with its segments of 64 KB,
// the kernel would keep megabytes for a client that has stopped reading.
const (
	segment = 1460
	room    = 4096
)

// DialNarrow is Dial over a connection for which the kernels keep little. It
// is made for clients that stop reading: the server notices soon.
func DialNarrow(ctx context.Context, address string) (*Conn, error) {
	narrow := &net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error {
		var failed error
		err := raw.Control(func(fd uintptr) {
			failed = errors.Join(
				unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_MAXSEG, segment),
				unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, room))
		})
		return errors.Join(err, failed)
	}}
	return dial(ctx, ws.Dialer{NetDial: narrow.DialContext}, address, "")
}
