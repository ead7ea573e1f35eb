package backend

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/keepalive"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/internal/backend/backendtest"
	"github.com/seed52a35d2d/realtime-server/internal/testenv"
)

// nameServer is a DNS server that knows one name, or for the time being none.
type nameServer struct {
	conn net.PacketConn

	mu        sync.Mutex
	addresses []netip.Addr
}

func startNameServer(t *testing.T) *nameServer {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &nameServer{conn: conn}
	var serving sync.WaitGroup
	serving.Go(s.serve)
	t.Cleanup(func() {
		conn.Close()
		serving.Wait()
	})
	return s
}

// set makes the name stand for the hosts of processes.
func (s *nameServer) set(of ...*process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addresses = nil
	for _, p := range of {
		s.addresses = append(s.addresses, netip.MustParseAddrPort(p.address).Addr())
	}
}

// target is the name with the port of a process, which all of them have.
func (s *nameServer) target(like *process) string {
	_, port, _ := net.SplitHostPort(like.address)
	return "dns://" + s.conn.LocalAddr().String() + "/shop.test:" + port
}

func (s *nameServer) serve() {
	buffer := make([]byte, 1500)
	for {
		n, from, err := s.conn.ReadFrom(buffer)
		if err != nil {
			return
		}
		if reply, err := s.answer(buffer[:n]); err == nil {
			s.conn.WriteTo(reply, from)
		}
	}
}

func (s *nameServer) answer(question []byte) ([]byte, error) {
	var m dnsmessage.Message
	if err := m.Unpack(question); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m.Response, m.Additionals = true, nil
	asked := m.Questions[0]
	if len(s.addresses) == 0 || asked.Name.String() != "shop.test." {
		m.RCode = dnsmessage.RCodeNameError
	} else if asked.Type == dnsmessage.TypeA {
		for _, a := range s.addresses {
			m.Answers = append(m.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: asked.Name, Class: dnsmessage.ClassINET},
				Body:   &dnsmessage.AResource{A: a.As4()},
			})
		}
	}
	return m.Pack()
}

// process is one of several that make a backend; it counts its calls.
type process struct {
	address string
	stop    func()
	calls   atomic.Int64
}

// startProcess starts one at a host of its own, with the port of another, or
// with any if there is none yet.
func startProcess(t *testing.T, like *process, options ...grpc.ServerOption) *process {
	t.Helper()
	host, port, _ := net.SplitHostPort(testenv.OwnAddress())
	if like != nil {
		_, port, _ = net.SplitHostPort(like.address)
	}
	lis, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if err != nil {
		t.Fatal(err)
	}
	p := &process{address: lis.Addr().String()}
	p.stop = backendtest.ServeOn(t, &backendtest.Stub{
		AuthenticateFunc: func(context.Context, *realtimev1.AuthenticateRequest) (*realtimev1.AuthenticateResponse, error) {
			p.calls.Add(1)
			return &realtimev1.AuthenticateResponse{}, nil
		},
	}, lis, options...)
	return p
}

// calling makes so many calls one after the other, which all succeed, and says
// how many each process has got.
func calling(t *testing.T, times int, c *Client, of ...*process) (got []int64) {
	t.Helper()
	for _, p := range of {
		got = append(got, -p.calls.Load())
	}
	for range times {
		if err := authenticate(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	for i, p := range of {
		got[i] += p.calls.Load()
	}
	return got
}

// callingUntil makes rounds of calls until one is as it should be.
func callingUntil(t *testing.T, fits func(got []int64) bool, c *Client, of ...*process) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; {
		got := calling(t, 30, c, of...)
		if fits(got) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the calls go to %v", got)
		}
	}
}

func TestProcessesOfABackendComeAndGo(t *testing.T) {
	names := startNameServer(t)
	a := startProcess(t, nil)
	names.set(a)
	c, log := connectBy(t, newNames(20*time.Millisecond), names.target(a), nil)
	calling(t, 10, c, a)

	b, d := startProcess(t, a), startProcess(t, a)
	names.set(a, b, d)
	callingUntil(t, func(got []int64) bool { return min(got[0], got[1], got[2]) == 10 }, c, a, b, d)

	names.set(a, b) // d goes on, and is not asked any more
	callingUntil(t, func(got []int64) bool { return got[2] == 0 }, c, a, b, d)
	if got := calling(t, 30, c, d); got[0] != 0 {
		t.Errorf("%d calls to one who is not there any more", got[0])
	}
	b.stop() // before its name is gone
	if got := calling(t, 30, c, a); got[0] != 30 {
		t.Errorf("%d of 30 calls to the one that is left", got[0])
	}
	names.set(a)
	if got := calling(t, 30, c, a, b, d); got[0] != 30 {
		t.Errorf("the calls went to %v", got)
	}
	if log.String() != "" {
		t.Errorf("log %s", log)
	}
}

// A backend that ends its connections from time to time, so that its load is
// spread anew, loses no call.
func TestConnectionsMayHaveAnAge(t *testing.T) {
	names := startNameServer(t)
	age := grpc.KeepaliveParams(keepalive.ServerParameters{
		MaxConnectionAge: 50 * time.Millisecond, MaxConnectionAgeGrace: time.Second,
	})
	a := startProcess(t, nil, age)
	b := startProcess(t, a, age)
	names.set(a)
	c, _ := connectBy(t, newNames(time.Hour), names.target(a), nil) // only a lost connection makes it look again
	calling(t, 10, c, a)
	names.set(a, b)
	callingUntil(t, func(got []int64) bool { return min(got[0], got[1]) > 0 }, c, a, b)
}

func TestNameThatDoesNotResolveIsExplained(t *testing.T) {
	names := startNameServer(t)
	a := startProcess(t, nil)
	c, log := connectBy(t, newNames(20*time.Millisecond), names.target(a), nil)
	for range 2 {
		err := authenticate(t.Context(), c)
		wantCode(t, err, codes.Unavailable)
		if !strings.Contains(err.Error(), "has no address") || !strings.Contains(err.Error(), "lookup shop.test") {
			t.Errorf("got %v", err)
		}
	}
	if n := strings.Count(log.String(), "nobody knows such a host"); n != 1 {
		t.Errorf("%d lines say why: %s", n, log)
	}

	names.set(a)
	ready(t, c)
	if err := authenticate(t.Context(), c); err != nil {
		t.Error(err)
	}
	names.set() // who has addresses goes on with them
	calling(t, 30, c, a)
}
