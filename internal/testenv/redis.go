package testenv

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a program may take to start.
const patience = 20 * time.Second

// Redis is a real redis-server with a loopback address of its own, which stays
// the same when it is killed and started again.
type Redis struct {
	// Host and Port are where it listens.
	Host, Port string

	t    testing.TB
	dir  string
	args []string // the whole command line

	cmd   *exec.Cmd
	ended chan struct{} // closed when cmd has ended

	mu  sync.Mutex
	log strings.Builder
}

// StartRedis starts a redis-server that keeps nothing on disk. args are options
// of its command line, such as "--maxmemory", "10mb". It ends with the test.
func StartRedis(tb testing.TB, args ...string) *Redis {
	tb.Helper()
	host, port := reserve(tb)
	return start(tb, host, port, append([]string{
		"--bind", host, "--port", port, "--save", "", "--appendonly", "no", "--protected-mode", "no", "--daemonize", "no",
		// A replica gets its copy at once, not after the five seconds in which more might come.
		"--repl-diskless-sync-delay", "0",
		// It would be known by the address that it calls from, where it does not listen.
		"--replica-announce-ip", host,
	}, args...))
}

// start starts a redis-server with a command line, until the test ends.
func start(tb testing.TB, host, port string, args []string) *Redis {
	tb.Helper()
	r := &Redis{Host: host, Port: port, t: tb, dir: tb.TempDir(), args: args}
	tb.Cleanup(func() { r.Kill() })
	r.Start()
	return r
}

// reserve finds a port on a host of its own.
func reserve(tb testing.TB) (host, port string) {
	tb.Helper()
	l, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", OwnAddress())
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	host, port, err = net.SplitHostPort(l.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	return host, port
}

// Address is host and port.
func (r *Redis) Address() string { return net.JoinHostPort(r.Host, r.Port) }

// Start starts the server, which must not run, and returns when it accepts
// connections.
func (r *Redis) Start() {
	r.t.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		r.t.Fatal("the test needs redis-server; `make test` installs it")
	}
	r.cmd = exec.Command(program, r.args...) //nolint:noctx // ended by Kill, which the test's Cleanup calls
	r.cmd.Dir = r.dir
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	output, err := r.cmd.StdoutPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	r.cmd.Stderr = r.cmd.Stdout
	if err := r.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	ready, ended := make(chan struct{}), make(chan struct{})
	r.ended = ended
	go r.follow(bufio.NewScanner(output), r.cmd, ready, ended)
	select {
	case <-ready:
	case <-ended:
		r.t.Fatalf("redis-server has ended:\n%s", r.Log())
	case <-time.After(patience):
		r.t.Fatalf("redis-server does not get ready:\n%s", r.Log())
	}
}

// follow keeps what the server logs, and says when it is ready and when it has
// ended.
func (r *Redis) follow(lines *bufio.Scanner, cmd *exec.Cmd, ready, ended chan struct{}) {
	defer close(ended)
	once := sync.OnceFunc(func() { close(ready) })
	for lines.Scan() {
		r.mu.Lock()
		fmt.Fprintln(&r.log, lines.Text())
		r.mu.Unlock()
		if strings.Contains(lines.Text(), "Ready to accept connections") ||
			strings.Contains(lines.Text(), "# Sentinel ID is") {
			once()
		}
	}
	_ = cmd.Wait() // how it ended does not matter: it was killed
}

// Log is what the server has logged.
func (r *Redis) Log() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.String()
}

// Kill ends the server at once, as SIGKILL does. It may be called more than once.
func (r *Redis) Kill() {
	if r.cmd == nil {
		return
	}
	_ = r.cmd.Process.Kill() // it may have ended
	<-r.ended
	r.cmd = nil
}

// Pause stops the server without closing its connections, as SIGSTOP does: a
// machine that hangs.
func (r *Redis) Pause() { r.signal(syscall.SIGSTOP) }

// Resume ends Pause.
func (r *Redis) Resume() { r.signal(syscall.SIGCONT) }

func (r *Redis) signal(s os.Signal) {
	r.t.Helper()
	if err := r.cmd.Process.Signal(s); err != nil {
		r.t.Fatal(err)
	}
}
