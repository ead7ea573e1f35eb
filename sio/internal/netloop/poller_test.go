//go:build linux

package netloop

import (
	"net"
	"os"
	"sync"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/seed52a35d2d/realtime-server/sio/internal/link"
	"github.com/seed52a35d2d/realtime-server/sio/internal/link/linktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPoller(t *testing.T) {
	linktest.Run(t, func() link.Poller { return &Poller{} })
}

// crowd counts what its connections receive, until all have ended.
type crowd struct {
	ended sync.WaitGroup
	got   chan int
}

type member struct {
	crowd *crowd
	conn  link.Conn
}

func (m *member) Received(p []byte) error {
	m.crowd.got <- len(p)
	return nil
}

func (m *member) Ended(error) {
	m.conn.Close(nil)
	m.crowd.ended.Done()
}

// TestDescriptorsComeBack lets connections of many generations use the same
// slots and descriptors.
func TestDescriptorsComeBack(t *testing.T) {
	before := descriptors(t)
	p := &Poller{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &crowd{got: make(chan int, 100)}
	for range 200 {
		var peers []net.Conn
		for range 10 {
			peers = append(peers, c.join(t, p, listener))
		}
		for _, peer := range peers {
			if _, err := peer.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
		}
		for range peers {
			<-c.got
		}
		for _, peer := range peers {
			peer.Close()
		}
	}
	c.ended.Wait()
	for _, l := range p.loops {
		if slots := len(l.conns.slots); slots > 100 {
			t.Errorf("a loop with 5 connections at a time has %d slots", slots)
		}
	}
	p.Close()
	listener.Close()
	if after := descriptors(t); after > before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

func (c *crowd) join(t *testing.T, p *Poller, listener net.Listener) (peer net.Conn) {
	t.Helper()
	peer, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	m := &member{crowd: c}
	m.conn = p.Adopt(conn, m)
	c.ended.Add(1)
	m.conn.Start()
	return peer
}

func descriptors(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

func TestTableTellsGenerationsApart(t *testing.T) {
	var tab table
	first, second := &conn{}, &conn{}
	old := tab.add(first)
	tab.remove(old)
	k := tab.add(second)
	if k.slot != old.slot {
		t.Errorf("slot %d is not used again", old.slot)
	}
	if got := tab.find(old); got != nil {
		t.Error("an event of a connection that has left finds its successor")
	}
	if got := tab.find(keyOf(*k.event(unix.EPOLLIN))); got != second {
		t.Error("a key does not survive the kernel")
	}
}

// TestCloseWaitsForLastWords ends pollers while connections whose peers have
// gone, as their owners know, are still to say their last word.
func TestCloseWaitsForLastWords(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	for range 300 {
		p, c := &Poller{}, &crowd{}
		m := &mourner{crowd: c}
		peer, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		accepted, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		m.conn = p.Adopt(accepted, m)
		c.ended.Add(1)
		m.conn.Start()
		peer.Close()
		c.ended.Wait()
		p.Close()
		kept := m.conn.(*conn)
		if kept.loop.conns.find(kept.key) != nil {
			t.Fatal("a connection is left in a poller that is closed")
		}
		m.closing.Wait()
	}
}

// mourner is an owner who leaves closing to somebody else.
type mourner struct {
	crowd   *crowd
	conn    link.Conn
	closing sync.WaitGroup
}

func (*mourner) Received([]byte) error { return nil }

func (m *mourner) Ended(error) {
	m.closing.Go(func() { m.conn.Close([]byte("the last word")) })
	m.crowd.ended.Done()
}
