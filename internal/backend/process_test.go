package backend

import (
	"bufio"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/internal/backend/backendtest"
	"github.com/seed52a35d2d/realtime-server/internal/testenv"
	"github.com/seed52a35d2d/realtime-server/internal/testlog"
)

// Variables that make this test binary a backend: at which address, and whether
// it dies of the first Authenticate.
const (
	childAddress = "BACKEND_TEST_CHILD_ADDRESS"
	childPanics  = "BACKEND_TEST_CHILD_PANICS"
)

// serveChild says where it listens, and then the id of each connection that it
// is told the end of.
func serveChild(address string) {
	lis, err := net.Listen("tcp", address)
	if err != nil {
		panic(err)
	}
	var saying sync.Mutex
	say := func(line string) {
		saying.Lock()
		defer saying.Unlock()
		io.WriteString(os.Stdout, line+"\n")
	}
	server := grpc.NewServer()
	realtimev1.RegisterRealtimeBackendServer(server, &backendtest.Stub{
		AuthenticateFunc: func(context.Context, *realtimev1.AuthenticateRequest) (*realtimev1.AuthenticateResponse, error) {
			if os.Getenv(childPanics) != "" {
				panic("as the test wants it")
			}
			return &realtimev1.AuthenticateResponse{}, nil
		},
		DisconnectedFunc: func(
			_ context.Context, req *realtimev1.OnDisconnectedRequest,
		) (*realtimev1.OnDisconnectedResponse, error) {
			say(req.GetContext().GetConnectionId())
			return &realtimev1.OnDisconnectedResponse{}, nil
		},
	})
	say(lis.Addr().String())
	server.Serve(lis)
}

// child is a backend that is a process of its own.
type child struct {
	t       *testing.T
	address string
	cmd     *exec.Cmd
	reading sync.WaitGroup

	mu    sync.Mutex
	ended map[string]bool // connections that it was told the end of, by id
}

// startChild starts one, with more variables for it.
func startChild(t *testing.T, environ ...string) *child {
	t.Helper()
	c := &child{t: t, address: testenv.OwnAddress(), ended: map[string]bool{}}
	c.start(environ...)
	t.Cleanup(c.kill)
	return c
}

// start starts it, also again at the same address.
func (c *child) start(environ ...string) {
	c.t.Helper()
	c.cmd = exec.Command(os.Args[0])
	c.cmd.Env = append(append(os.Environ(), childAddress+"="+c.address), environ...)
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := c.cmd.StdoutPipe()
	if err == nil {
		err = c.cmd.Start()
	}
	if err != nil {
		c.t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	if err != nil {
		c.t.Fatal(err)
	}
	c.address = strings.TrimSpace(line)
	c.reading.Go(func() {
		for {
			id, err := lines.ReadString('\n')
			if err != nil {
				return
			}
			c.mu.Lock()
			c.ended[strings.TrimSpace(id)] = true
			c.mu.Unlock()
		}
	})
}

// kill ends it without a word.
func (c *child) kill() {
	if c.cmd == nil {
		return
	}
	c.cmd.Process.Kill()
	c.reading.Wait()
	c.cmd.Wait()
	c.cmd = nil
}

// pause stops it with its connections open, and returns when all of it has
// stopped. It goes on with resume.
func (c *child) pause() {
	c.t.Helper()
	c.signal(syscall.SIGSTOP)
	var state syscall.WaitStatus
	if _, err := syscall.Wait4(c.cmd.Process.Pid, &state, syscall.WUNTRACED, nil); err != nil || !state.Stopped() {
		c.t.Fatalf("is not stopped: %v, %v", state, err)
	}
}

func (c *child) resume() { c.signal(syscall.SIGCONT) }

func (c *child) signal(s os.Signal) {
	c.t.Helper()
	if err := c.cmd.Process.Signal(s); err != nil {
		c.t.Fatal(err)
	}
}

// told is how many ends of connections it has heard of.
func (c *child) told() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.ended)
}

// until does something every few milliseconds until it says that it is done.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	pace := time.NewTicker(3 * time.Millisecond)
	defer pace.Stop()
	for end := time.Now().Add(30 * time.Second); !done(); <-pace.C {
		if time.Now().After(end) {
			t.Fatalf("never %s", what)
		}
	}
}

// wantLines counts lines of the log.
func wantLines(t *testing.T, log *testlog.Log, n int, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if got := strings.Count(log.String(), line); got != n {
			t.Errorf("%d lines %q, want %d: %s", got, line, n, log)
		}
	}
}

func TestStoppedBackendIsLeftAlone(t *testing.T) {
	b := startChild(t)
	c, log := connect(t, b.address, func(cfg *Config) {
		cfg.Timeout, cfg.BreakerPause = 500*time.Millisecond, 200*time.Millisecond
	})
	if err := authenticate(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	b.pause()
	var asking sync.WaitGroup
	for range 2 * breakerMinimum {
		asking.Go(func() {
			begin := time.Now()
			if code := newError("", authenticate(t.Context(), c)).code(); code == codes.OK {
				t.Error("a stopped process has answered")
			}
			if took := time.Since(begin); took > 5*c.guard.limits.Timeout {
				t.Errorf("took %v", took)
			}
		})
	}
	asking.Wait()
	begin := time.Now()
	wantReason(t, authenticate(t.Context(), c), codes.Unavailable, ReasonBreakerOpen)
	if took := time.Since(begin); took > c.guard.limits.Timeout/2 {
		t.Errorf("took %v to be refused", took)
	}
	reopened := c.guard.metrics.breakerChanges.WithLabelValues("test", string(changeReopened))
	until(t, "tried twice in vain", func() bool {
		authenticate(t.Context(), c)
		return testutil.ToFloat64(reopened) >= 2
	})
	b.resume()
	until(t, "back", func() bool { return authenticate(t.Context(), c) == nil })
	until(t, "closed", func() bool {
		authenticate(t.Context(), c)
		return testutil.ToFloat64(c.guard.metrics.breakerState.WithLabelValues("test")) == 0
	})
	wantLines(t, log, 1, "breaker opened", "breaker closed", "backend fails")
}

// The ends of connections that a backend could not be told of because it was
// killed are told once it is back.
func TestKilledBackendHearsOfAllEnds(t *testing.T) {
	b := startChild(t)
	c, log := connect(t, b.address, func(cfg *Config) { cfg.BreakerPause = 200 * time.Millisecond })
	if err := authenticate(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	b.kill()
	const ends = 500
	errs := make(chan error, ends)
	for i := range ends {
		go func() {
			_, err := c.OnDisconnected(t.Context(), &realtimev1.OnDisconnectedRequest{
				Context: &realtimev1.RequestContext{ConnectionId: strconv.Itoa(i)},
			})
			errs <- err
		}()
	}
	until(t, "found away", func() bool { return strings.Contains(log.String(), "breaker opened") })
	wantCode(t, authenticate(t.Context(), c), codes.Unavailable)
	b.start()
	for range ends {
		if err := <-errs; err != nil {
			t.Errorf("lost: %v", err)
		}
	}
	until(t, "told of all", func() bool { return b.told() == ends })
	if err := authenticate(t.Context(), c); err != nil {
		t.Error(err)
	}
	wantLines(t, log, 1, "breaker opened", "breaker closed")
}

// A backend that comes and goes makes neither the log long nor calls late, and
// nobody has to do anything in the end.
func TestFlappingBackend(t *testing.T) {
	const flaps = 4
	b := startChild(t)
	c, log := connect(t, b.address, func(cfg *Config) {
		cfg.Timeout, cfg.BreakerPause = 2*time.Second, 100*time.Millisecond
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var good, calls atomic.Int64
	var calling sync.WaitGroup
	for range 10 {
		calling.Go(func() {
			pace := time.NewTicker(5 * time.Millisecond)
			defer pace.Stop()
			for ctx.Err() == nil {
				begin := time.Now()
				err := authenticate(t.Context(), c)
				calls.Add(1)
				if err == nil {
					good.Add(1)
				}
				if took := time.Since(begin); took > 2*c.guard.limits.Timeout {
					t.Errorf("a call took %v", took)
				}
				<-pace.C
			}
		})
	}
	answers := func() bool {
		before := good.Load()
		until(t, "answering", func() bool { return good.Load() >= before+20 })
		return true
	}
	opened := c.guard.metrics.breakerChanges.WithLabelValues("test", string(changeOpened))
	begin := time.Now()
	for i := range flaps {
		answers()
		b.kill()
		until(t, "found away", func() bool { return testutil.ToFloat64(opened) > float64(i) })
		b.start()
	}
	answers()
	cancel()
	calling.Wait()
	until(t, "closed", func() bool {
		authenticate(t.Context(), c)
		return testutil.ToFloat64(c.guard.metrics.breakerState.WithLabelValues("test")) == 0
	})
	wantLines(t, log, flaps, "breaker opened", "breaker closed")
	if n := strings.Count(log.String(), "\n"); n > 4*flaps {
		t.Errorf("%d lines: %s", n, log)
	}
	retries := testutil.ToFloat64(c.guard.metrics.retries.WithLabelValues("test", "Authenticate"))
	if bound := float64(calls.Load())/10 + budgetReserve + time.Since(begin).Seconds() + 1; retries > bound {
		t.Errorf("%v repeated attempts, want at most %v", retries, bound)
	}
}
