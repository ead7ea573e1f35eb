package registry

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed52a35d2d/realtime-server/internal/testenv"
)

// processEnv makes the test binary a node: "<address> <node id> <how it tells>".
const processEnv = "REGISTRY_TEST_PROCESS"

// process is a node in a process of its own, to be killed and stopped. It says
// a line for whatever happens to it.
type process struct {
	t     *testing.T
	house *house
	cmd   *exec.Cmd
	stdin *os.File
	lines chan string
	key   key
}

const (
	tells = "tells" // as a node of the house does
	hangs = "hangs" // begins to tell, and never ends
)

// runProcess is what the process does. It ends with its standard input.
func runProcess() {
	args := strings.Fields(os.Getenv(processEnv))
	id := args[1]
	client := newClient(args[0])
	defer client.Close()
	var mu sync.Mutex
	say := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(os.Stdout, format+"\n", args...)
	}
	r, err := New(Params{
		Client: client, Config: testConfig(), ID: id, Version: "v1",
		Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
		Hooks: Hooks{
			Over: func(_ context.Context, e Ending) bool {
				say("over %d %v", e.Generation, e.Reason)
				return e.Reason != Superseded
			},
			Dead: func(ctx context.Context, dead Node, records []Record) (int, error) {
				if args[2] == hangs {
					say("telling %s", dead.ID)
					<-ctx.Done()
					return 0, ctx.Err()
				}
				for _, record := range records {
					say("told %s %d %s", dead.ID, dead.Generation, record.ID)
				}
				return len(records), nil
			},
		},
	})
	if err != nil {
		say("error %v", err)
		return
	}
	defer r.Close()
	if err := r.Join(context.Background()); err != nil {
		say("error %v", err)
		return
	}
	say("joined %d", r.Self().Generation)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		for id := range strings.FieldsSeq(in.Text()) {
			r.Put(Record{ID: id, Namespace: "/", User: "user of " + id, Value: []byte("value of " + id)})
		}
		if err := r.Flush(context.Background()); err != nil {
			say("error %v", err)
			return
		}
		say("flushed %d", r.Self().Generation)
	}
}

// startProcess starts a node and waits until it has joined.
func (h *house) startProcess(server *testenv.Redis, id, telling string) *process {
	t := h.t
	t.Helper()
	in, stdin, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, house: h, stdin: stdin, lines: make(chan string, 100), key: key{id: id}}
	p.cmd = exec.Command(os.Args[0])
	p.cmd.Env = append(os.Environ(), processEnv+"="+strings.Join([]string{server.Address(), id, telling}, " "))
	p.cmd.Stdin, p.cmd.Stderr = in, os.Stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in.Close()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			p.said(lines.Text())
		}
		_ = p.cmd.Wait()
	}()
	t.Cleanup(func() {
		p.kill()
		<-ended
		stdin.Close()
	})
	p.want("joined %d", &p.key.generation)
	return p
}

// said notes what the process was told of, and keeps every other line.
func (p *process) said(line string) {
	var e told
	if _, err := fmt.Sscanf(line, "told %s %d %s", &e.dead.ID, &e.dead.Generation, &e.id); err != nil {
		p.lines <- line
		return
	}
	e.by = p.key.id
	p.house.update(func() { p.house.told = append(p.house.told, e) })
}

// want reads the next line, which must have this form.
func (p *process) want(format string, into ...any) {
	p.t.Helper()
	select {
	case line := <-p.lines:
		if n, err := fmt.Sscanf(line, format, into...); n != len(into) || err != nil {
			p.t.Fatalf("process %s says %q, want %q", p.key.id, line, format)
		}
	case <-time.After(patience):
		p.t.Fatalf("process %s does not say %q", p.key.id, format)
	}
}

// add registers connections; the process writes them under generation.
func (p *process) add(ids ...string) (generation uint64) {
	p.t.Helper()
	if _, err := fmt.Fprintln(p.stdin, strings.Join(ids, " ")); err != nil {
		p.t.Fatal(err)
	}
	p.want("flushed %d", &generation)
	return generation
}

func (p *process) kill() { _ = p.cmd.Process.Kill() }

func (p *process) stop() { p.signal(syscall.SIGSTOP) }

func (p *process) resume() { p.signal(syscall.SIGCONT) }

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}
