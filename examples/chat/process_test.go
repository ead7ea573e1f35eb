package chat_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/seed52a35d2d/realtime-server/internal/testenv"
)

// command makes a program that is told to stop when ctx ends, and killed if it
// does not.
func command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// launch starts a program that runs until its context or the test ends. Each
// line of its stderr goes to watch and into the test's log. The channel is
// closed when the program has ended.
func launch(t *testing.T, cmd *exec.Cmd, watch func(line string)) (ended <-chan struct{}) {
	t.Helper()
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			t.Log(filepath.Base(cmd.Path), lines.Text())
			watch(lines.Text())
		}
	}()
	t.Cleanup(func() {
		<-read
		cmd.Wait()
	})
	return read
}

// await returns what a program makes known.
func await[T any](t *testing.T, ended <-chan struct{}, known <-chan T) T {
	t.Helper()
	var value T
	select {
	case value = <-known:
	case <-ended:
		t.Fatal("the program has ended")
	}
	return value
}

// build compiles a Go program and returns its path.
func build(t *testing.T, pkg string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), filepath.Base(pkg))
	if out, err := exec.Command("go", "build", "-o", path, pkg).CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", pkg, err, out)
	}
	return path
}

// serverBinary is the path of realtime-server, which is built unless the
// environment names one.
func serverBinary(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("TEST_SERVER_BIN"); path != "" {
		return path
	}
	return build(t, "../../cmd/realtime-server")
}

// startServer runs realtime-server with a backend, as its flags say, and returns the addresses of its listeners
// for clients and for backends.
func startServer(ctx context.Context, t *testing.T, binary string, backend ...string) (http, grpc string) {
	t.Helper()
	addresses := map[string]chan string{
		"http": make(chan string, 1), "grpc": make(chan string, 1), "admin": make(chan string, 1),
	}
	cmd := command(ctx, binary, append(backend, "--dev", "--log-format", "json",
		"--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--admin", "127.0.0.1:0")...)
	ended := launch(t, cmd, func(line string) {
		var entry struct{ Msg, Listener, Address string }
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "listening" {
			addresses[entry.Listener] <- entry.Address
		}
	})
	return await(t, ended, addresses["http"]), await(t, ended, addresses["grpc"])
}

// startBackend runs a backend of the chat and waits until it says that it is
// ready, which has this word in it.
func startBackend(ctx context.Context, t *testing.T, ready string, program []string, args ...string) {
	t.Helper()
	said := make(chan struct{})
	say := sync.OnceFunc(func() { close(said) })
	program = slices.Concat(program, args)
	ended := launch(t, command(ctx, program[0], program[1:]...), func(line string) {
		if strings.Contains(line, ready) {
			say()
		}
	})
	await(t, ended, said)
}

// freeAddress is a loopback address that nobody listens on: the server must
// know its backend's address and the backend the server's.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", testenv.OwnAddress())
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
