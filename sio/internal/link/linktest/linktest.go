// Package linktest is the suite that every link.Poller passes, over real
// sockets.
package linktest

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/seed52a35d2d/realtime-server/sio/internal/link"
)

// Run holds a Poller against the contract of package link, over plain TCP and
// under TLS.
func Run(t *testing.T, poller func() link.Poller) {
	t.Helper()
	for _, c := range []struct {
		name string
		test func(t *testing.T, d door)
	}{
		{"bytes arrive in order, in both directions", echo},
		{"a slow reader gets everything", slowReader},
		{"a paused connection is not read", pause},
		{"the error of Received ends the reading", refuse},
		{"the peer's end is io.EOF", peerEnds},
		{"the last word arrives before the end", lastWord},
		{"the last word arrives at a peer that goes on talking", lastWordAgainstTalk},
		{"a peer that stays is not waited for", peerStays},
		{"Close ends what is under way", closeUnderWay},
		{"a connection that was closed can be used, to no effect", useClosed},
		{"everything at once", chaos},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Run("tcp", func(t *testing.T) { c.test(t, newDoor(t, poller(), nil)) })
			t.Run("tls", func(t *testing.T) { c.test(t, newDoor(t, poller(), certificate(t))) })
		})
	}
}

// door makes connections, one end of which belongs to a Poller.
type door struct {
	poller   link.Poller
	listener net.Listener
	tls      *tls.Config // of the clients; nil for plain TCP
}

func newDoor(t *testing.T, poller link.Poller, server *tls.Config) door {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := door{poller: poller, listener: listener}
	if server != nil {
		d.listener = tls.NewListener(listener, server)
		d.tls = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // the certificate is that of a test
	}
	t.Cleanup(func() {
		listener.Close()
		poller.Close()
	})
	return d
}

// certificate is a configuration that a server under TLS can have.
func certificate(t *testing.T) *tls.Config {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	server.StartTLS()
	defer server.Close()
	return &tls.Config{Certificates: server.TLS.Certificates} //nolint:gosec // for a test
}

// connect returns both ends of a new connection. Ours is not started yet, and
// the peer leaves with the test.
func (d door) connect(t *testing.T, o *owner) (ours link.Conn, peer net.Conn) {
	t.Helper()
	accepted := make(chan net.Conn, 1)
	go func() {
		conn, err := d.listener.Accept()
		if err != nil {
			t.Error(err)
			close(accepted)
			return
		}
		if secured, ok := conn.(*tls.Conn); ok {
			if err := secured.HandshakeContext(t.Context()); err != nil {
				t.Error(err)
			}
		}
		accepted <- conn
	}()
	peer, err := new(net.Dialer).DialContext(t.Context(), "tcp", d.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if d.tls != nil {
		secured := tls.Client(peer, d.tls)
		if err := secured.HandshakeContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		peer = secured
	}
	t.Cleanup(func() { peer.Close() })
	o.conn = d.poller.Adopt(<-accepted, o)
	return o.conn, peer
}

// owner does with what it receives what a test says.
type owner struct {
	conn     link.Conn
	received func(p []byte) error
	last     []byte // what it says when it closes after the end
	ended    chan error
}

func newOwner(received func(p []byte) error) *owner {
	return &owner{received: received, ended: make(chan error, 10)}
}

func (o *owner) Received(p []byte) error { return o.received(p) }

func (o *owner) Ended(err error) {
	o.conn.Close(o.last)
	o.ended <- err
}

// wantEnd waits until the owner was told of the end, and expects that it is
// told once.
func (o *owner) wantEnd(t *testing.T, want error) {
	t.Helper()
	if err := <-o.ended; want != nil && !errors.Is(err, want) {
		t.Errorf("ended with %v, want %v", err, want)
	}
	select {
	case err := <-o.ended:
		t.Errorf("ended once more, with %v", err)
	default:
	}
}

// ignore receives without interest.
func ignore([]byte) error { return nil }

// send writes everything, first without waiting, as an engine does.
func send(c link.Conn, p []byte) error {
	n, err := c.TryWrite(p)
	if err != nil || n == len(p) {
		return err
	}
	done := make(chan error, 1)
	c.Write(p[n:], func(err error) { done <- err })
	return <-done
}

func echo(t *testing.T, d door) {
	t.Helper()
	want := pattern(1 << 20)
	back := make(chan []byte, 10_000)
	o := newOwner(func(p []byte) error {
		back <- bytes.Clone(p)
		return nil
	})
	ours, peer := d.connect(t, o)
	ours.Start()
	var writers sync.WaitGroup
	defer writers.Wait()
	writers.Go(func() {
		for p := range back {
			if err := send(ours, p); err != nil {
				t.Error(err)
			}
		}
	})
	writers.Go(func() {
		if _, err := peer.Write(want); err != nil {
			t.Error(err)
		}
	})
	got := make([]byte, len(want))
	if _, err := io.ReadFull(peer, got); err != nil || !bytes.Equal(got, want) {
		t.Errorf("what came back differs (%v)", err)
	}
	peer.Close()
	o.wantEnd(t, nil)
	close(back)
}

func slowReader(t *testing.T, d door) {
	t.Helper()
	o := newOwner(ignore)
	ours, peer := d.connect(t, o)
	ours.Start()
	want := pattern(20 << 20) // more than the kernel keeps
	sent := make(chan error, 1)
	half := len(want) / 2
	n, err := ours.TryWrite(want[:half])
	if err != nil || n == half {
		t.Fatalf("%d bytes were written at once, %v", n, err)
	}
	ours.Write(want[n:half], func(error) {})
	ours.Write(want[half:], func(err error) { sent <- err })
	got := make([]byte, len(want))
	if _, err := io.ReadFull(peer, got); err != nil || !bytes.Equal(got, want) {
		t.Errorf("what came differs (%v)", err)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
	ours.Close(nil)
	o.wantEnd(t, net.ErrClosed)
}

func pause(t *testing.T, d door) {
	t.Helper()
	var got atomic.Int64
	const size = 20 << 20
	all := make(chan struct{})
	var o *owner
	o = newOwner(func(p []byte) error {
		before := got.Add(int64(len(p))) - int64(len(p))
		if before == 0 {
			o.conn.Pause()
		}
		if before+int64(len(p)) == size {
			close(all)
		}
		return nil
	})
	ours, peer := d.connect(t, o)
	ours.Start()
	written := make(chan error, 1)
	go func() {
		_, err := peer.Write(pattern(size))
		written <- err
	}()
	select {
	case err := <-written:
		t.Errorf("the peer could write everything to a paused connection (%v)", err)
	case <-all:
		t.Error("a paused connection was read")
	case <-stalled(&got):
	}
	ours.Resume()
	<-all
	if err := <-written; err != nil {
		t.Error(err)
	}
	ours.Close(nil)
	o.wantEnd(t, net.ErrClosed)
}

func refuse(t *testing.T, d door) {
	t.Helper()
	errEnough := errors.New("enough")
	o := newOwner(func([]byte) error { return errEnough })
	ours, peer := d.connect(t, o)
	ours.Start()
	if _, err := peer.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	o.wantEnd(t, errEnough)
	wantGone(t, peer)
}

func peerEnds(t *testing.T, d door) {
	t.Helper()
	o := newOwner(ignore)
	ours, peer := d.connect(t, o)
	ours.Start()
	peer.Close()
	o.wantEnd(t, io.EOF)
}

func lastWord(t *testing.T, d door) {
	t.Helper()
	o := newOwner(ignore)
	ours, peer := d.connect(t, o)
	ours.Start()
	ours.Close([]byte("goodbye"))
	got, err := io.ReadAll(peer)
	if string(got) != "goodbye" {
		t.Errorf("the last word is %q (%v)", got, err)
	}
	o.wantEnd(t, nil)
}

// lastWordAgainstTalk has the peer send more than is ever read: a connection
// that is closed with something unread is reset, and its peer may lose what it
// had already received.
func lastWordAgainstTalk(t *testing.T, d door) {
	t.Helper()
	errEnough := errors.New("enough")
	o := newOwner(func([]byte) error { return errEnough })
	o.last = []byte("goodbye")
	ours, peer := d.connect(t, o)
	ours.Start()
	if _, err := peer.Write(pattern(1 << 20)); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(peer)
	if string(got) != "goodbye" || err != nil {
		t.Errorf("the last word is %q (%v)", got, err)
	}
	o.wantEnd(t, errEnough)
}

// peerStays has the peer neither read nor leave.
func peerStays(t *testing.T, d door) {
	t.Helper()
	o := newOwner(ignore)
	ours, _ := d.connect(t, o)
	ours.Start()
	ours.Close([]byte("goodbye"))
	o.wantEnd(t, nil)
}

func closeUnderWay(t *testing.T, d door) {
	t.Helper()
	o := newOwner(ignore)
	ours, _ := d.connect(t, o)
	ours.Start()
	ours.Pause()
	failed := make(chan error, 2)
	data := pattern(20 << 20)
	n, err := ours.TryWrite(data)
	if err != nil {
		t.Fatal(err)
	}
	ours.Write(data[n:], func(err error) { failed <- err })
	ours.Write(data, func(err error) { failed <- err })
	ours.Close(nil)
	for range 2 {
		if err := <-failed; err == nil {
			t.Error("a write succeeded after Close")
		}
	}
	o.wantEnd(t, net.ErrClosed)
}

func useClosed(t *testing.T, d door) {
	t.Helper()
	o := newOwner(ignore)
	ours, peer := d.connect(t, o)
	ours.Close(nil)
	ours.Close([]byte("again"))
	ours.Start()
	ours.Pause()
	ours.Resume()
	if err := send(ours, []byte("x")); err == nil {
		t.Error("a closed connection was written to")
	}
	o.wantEnd(t, net.ErrClosed)
	wantGone(t, peer)
}

// chaos has many connections come and go while all that can be done is done to
// them. What it finds, the race detector and the other end find.
func chaos(t *testing.T, d door) {
	t.Helper()
	var visits sync.WaitGroup
	for n := range 50 {
		o := newOwner(ignore)
		ours, peer := d.connect(t, o)
		visits.Go(func() { visit(t, n, o, ours, peer) })
	}
	visits.Wait()
}

func visit(t *testing.T, n int, o *owner, ours link.Conn, peer net.Conn) {
	t.Helper()
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(ours.Start)
	all.Go(func() { _, _ = io.Copy(io.Discard, peer) }) // until either has closed
	all.Go(func() {
		for range 20 {
			if _, err := peer.Write(pattern(1000)); err != nil {
				return // closed
			}
		}
		if n%3 == 0 {
			peer.Close()
		}
	})
	all.Go(func() {
		for range 20 {
			ours.Pause()
			ours.Resume()
		}
	})
	all.Go(func() {
		for range 10 {
			if err := send(ours, pattern(10_000)); err != nil {
				break // closed
			}
		}
		ours.Close([]byte("bye"))
		o.wantEnd(t, nil)
	})
}

// pattern is data in which nothing can be missing or exchanged unseen.
func pattern(size int) []byte {
	p := make([]byte, size)
	for i := range p {
		p[i] = byte(i ^ i>>8 ^ i>>16)
	}
	return p
}

func wantGone(t *testing.T, peer net.Conn) {
	t.Helper()
	if n, err := peer.Read(make([]byte, 1)); err == nil {
		t.Errorf("%d bytes came instead of the end", n)
	}
}
