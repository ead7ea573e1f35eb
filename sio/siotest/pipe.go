// Package siotest lets tests talk to a server over its real door, in memory
// and on virtual time, or over sockets: listeners, a small raw client, and a
// player of conversations that stand in text files.
package siotest

import (
	"net"
	"net/http"
	"sync"
	"testing"
)

// Listener accepts connections that Dial makes of net.Pipe.
type Listener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

// NewListener makes a listener for a server of the test's own.
func NewListener() *Listener {
	return &Listener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

// Serve serves a handler on a new listener until the test ends.
func Serve(t *testing.T, handler http.Handler) *Listener {
	t.Helper()
	l := NewListener()
	serve(t, handler, l)
	return l
}

// serveSockets is Serve over real sockets. It returns how to dial.
func serveSockets(t *testing.T, handler http.Handler) (dial func() net.Conn) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serve(t, handler, l)
	return func() net.Conn {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
}

func serve(t *testing.T, handler http.Handler, l net.Listener) {
	t.Helper()
	server := &http.Server{Handler: handler}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(l) }) // returns because of Close
	t.Cleanup(func() {
		_ = server.Close()
		serving.Wait()
	})
}

// Dial connects to the listener.
func (l *Listener) Dial() net.Conn {
	client, server := net.Pipe()
	l.conns <- server
	return client
}

// Accept implements net.Listener.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *Listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr implements net.Listener.
func (l *Listener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }
