// Package process runs servers as programs of their own, so that a test may
// load them, measure them and see them die.
package process

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a program may take to start listening, and to end.
const patience = 20 * time.Second

// maxLine is the longest line that a program may log: a panic with its stack.
const maxLine = 1 << 20

// Process is a running program.
type Process struct {
	// PID is its process id.
	PID int
	// Addresses are those of its listeners, by name.
	Addresses map[string]string

	cmd   *exec.Cmd
	ended chan struct{} // closed when cmd has ended

	mu     sync.Mutex
	stderr strings.Builder
}

// Realtime starts realtime-server for development. It is built in root, the
// folder of its module, unless the environment names a binary.
func Realtime(t *testing.T, root string, args ...string) *Process {
	t.Helper()
	binary := os.Getenv("TEST_SERVER_BIN")
	if binary == "" {
		binary = Build(t, root, "./cmd/realtime-server")
	}
	args = append([]string{
		"--dev", "--log-format", "json",
		"--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--admin", "127.0.0.1:0",
		"--set", "socketio.max_connections=1000000", // the descriptors are the load's affair
	}, args...)
	if loop := os.Getenv("TEST_EVENT_LOOP"); loop != "" {
		args = append(args, "--set", "socketio.event_loop="+loop)
	}
	cmd := exec.CommandContext(t.Context(), binary, args...)
	// Whatever begins like this would be a setting of the server.
	cmd.Env = slices.DeleteFunc(os.Environ(), func(pair string) bool { return strings.HasPrefix(pair, "REALTIME_") })
	p := Start(t, cmd, "http", "grpc", "admin")
	t.Cleanup(func() {
		if code, died := p.Died(patience); !died || code != 0 {
			t.Errorf("realtime-server has not ended, or not with code 0 (%d):\n%s", code, p.Stderr())
		}
	})
	return p
}

// Build compiles a program of the module in dir and returns its path.
func Build(t *testing.T, dir, pkg string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), filepath.Base(pkg))
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", path, pkg)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", pkg, err, out)
	}
	return path
}

// Start starts a program and waits until it has logged the addresses of these
// listeners. The program is told to stop when the test ends.
func Start(t *testing.T, cmd *exec.Cmd, listeners ...string) *Process {
	t.Helper()
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = patience
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &Process{PID: cmd.Process.Pid, Addresses: map[string]string{}, cmd: cmd, ended: make(chan struct{})}
	ready := make(chan struct{})
	go func() {
		defer close(p.ended)
		missing := len(listeners)
		lines := bufio.NewScanner(stderr)
		lines.Buffer(nil, maxLine)
		for lines.Scan() {
			if p.note(lines.Text()) {
				if missing--; missing == 0 {
					close(ready)
				}
			}
		}
		_ = cmd.Wait() // how it ended is in cmd.ProcessState
	}()
	t.Cleanup(func() { <-p.ended })
	select {
	case <-ready:
	case <-p.ended:
		t.Fatalf("%s has ended:\n%s", cmd.Path, p.Stderr())
	case <-time.After(patience):
		t.Fatalf("%s does not listen:\n%s", cmd.Path, p.Stderr())
	}
	return p
}

// note keeps a line of stderr and reports whether it tells of a listener.
func (p *Process) note(line string) bool {
	var entry struct{ Msg, Listener, Address string }
	listening := json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "listening"
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stderr.WriteString(line + "\n")
	if listening {
		p.Addresses[entry.Listener] = entry.Address
	}
	return listening
}

// Stderr is what the program has written to its standard error.
func (p *Process) Stderr() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stderr.String()
}

// Died waits so long for the end of the program and returns its exit code;
// false if it lives on.
func (p *Process) Died(within time.Duration) (code int, died bool) {
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode(), true
	case <-time.After(within):
		return 0, false
	}
}
