package testenv

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

func TestSentinelsElectTheReplica(t *testing.T) {
	s := StartSentinel(t)
	client := redis.NewFailoverClient(&redis.FailoverOptions{
		MasterName: MasterName, SentinelAddrs: s.Addresses(), MaxRetries: -1,
	})
	defer client.Close()
	if err := client.Set(t.Context(), "a", "1", 0).Err(); err != nil {
		t.Fatal(err)
	}
	s.Master.Kill()
	await(t, "the replica is master", func() bool {
		role, err := s.Replica.Try("ROLE")
		return err == nil && strings.Contains(fmt.Sprint(role), "master")
	})
}

func TestClusterHoldsKeysAndMovesSlots(t *testing.T) {
	c := StartCluster(t, 3, true)
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: c.Addresses()})
	defer client.Close()
	for i := range 20 {
		if err := client.Set(t.Context(), fmt.Sprint("key", i), i, 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	c.MoveSlot(0, c.Masters[2])
	await(t, "slot 0 is with the third", func() bool {
		return strings.Contains(fmt.Sprint(c.Masters[1].Do("CLUSTER", "SLOTS")), fmt.Sprintf("[0 0 [%s", c.Masters[2].Host))
	})
}

// echo is a server that says everything again.
func echo(t *testing.T) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", OwnAddress())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go io.Copy(c, c)
		}
	}()
	return l.Addr().String()
}

func TestProxyHasTheFaultsOfNetworks(t *testing.T) {
	p := StartProxy(t, echo(t))
	conn, err := net.Dial("tcp", p.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	say := func() (time.Duration, error) {
		begin := time.Now()
		io.WriteString(conn, "x")
		_, err := io.ReadFull(conn, make([]byte, 1))
		return time.Since(begin), err
	}
	if _, err := say(); err != nil {
		t.Fatal(err)
	}
	p.SetDelay(50 * time.Millisecond)
	if took, err := say(); err != nil || took < 50*time.Millisecond {
		t.Errorf("delayed: %v, %v", took, err)
	}
	p.SetDelay(0)

	p.BlackHole(true)
	conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := say(); err == nil {
		t.Error("something came out of a black hole")
	}
	conn.SetReadDeadline(time.Time{})
	p.BlackHole(false)
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
		t.Errorf("what was sent into the hole does not arrive: %v", err)
	}

	if n := p.Cut(); n != 1 {
		t.Errorf("%d connections cut", n)
	}
	if _, err := say(); err == nil {
		t.Error("a connection that was cut works")
	}
}
