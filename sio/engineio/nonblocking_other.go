//go:build !unix

package engineio

import "net"

// nonblocking is for systems that have it; see nonblocking_unix.go.
type nonblocking struct{}

func newNonblocking(net.Conn) *nonblocking { return nil }

func (*nonblocking) write([]byte) (int, error) { return 0, nil }

func (*nonblocking) read() ([]byte, *[]byte, error) { return nil, nil, nil }

func giveBack(*[]byte) {}
