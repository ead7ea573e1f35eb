package compare

import (
	"context"
	"os/exec"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/seed52a35d2d/realtime-server/bench/internal/client"
	"github.com/seed52a35d2d/realtime-server/bench/internal/control"
	"github.com/seed52a35d2d/realtime-server/bench/internal/process"
	"github.com/seed52a35d2d/realtime-server/bench/load"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

// kind is a server that can be started.
type kind struct {
	name string
	// lossy servers are known to lose handshakes and messages. What they lose
	// is reported; with the others it fails the test.
	lossy bool
	// share of the broadcasts is enough for a slow one: 1/share.
	share int
	start func(t *testing.T) *process.Process
	// sender makes it send to so many clients.
	sender func(t *testing.T, p *process.Process, audience int) load.Sender
}

// kinds are all that are measured, the conn floor last.
func kinds(t *testing.T) []kind {
	t.Helper()
	kinds := []kind{{name: "realtime-server", share: 1, start: realtime, sender: api}}
	if *peers {
		kinds = append(kinds,
			kind{"Node socket.io 4.8.4", true, 1, node, door},
			kind{"zishang v2.5.0", true, 4, program(t, "../peers", "./zishang"), door})
	}
	return append(kinds,
		kind{"epoll floor", false, 1, program(t, "../..", "./bench/floor/epoll"), door},
		kind{"conn floor", false, 1, program(t, "../..", "./bench/floor/conn"), door})
}

func realtime(t *testing.T) *process.Process {
	t.Helper()
	return process.Realtime(t, "../..", "--set", "admin.pprof=true")
}

// node needs its node_modules, which make installs.
func node(t *testing.T) *process.Process {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "node", "--expose-gc", "main.mjs")
	cmd.Dir = "../peers/node"
	return process.Start(t, cmd, "http", "control")
}

// program is built once, and started often.
func program(t *testing.T, module, pkg string) func(t *testing.T) *process.Process {
	t.Helper()
	binary := process.Build(t, module, pkg)
	return func(t *testing.T) *process.Process {
		t.Helper()
		return process.Start(t, exec.CommandContext(t.Context(), binary), "http", "control")
	}
}

// api is how realtime-server is told to send, as backends do.
func api(t *testing.T, p *process.Process, audience int) load.Sender {
	t.Helper()
	conn, err := grpc.NewClient(p.Addresses["grpc"], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return load.API{Client: realtimev1.NewRealtimeClient(conn), Audience: audience}
}

// door is how the others are told.
func door(_ *testing.T, p *process.Process, _ int) load.Sender {
	return control.Door{Address: p.Addresses["control"]}
}

// subject is a server that runs and is measured.
type subject struct {
	kind

	t       *testing.T
	process *process.Process
}

func (k kind) begin(t *testing.T) *subject {
	t.Helper()
	return &subject{kind: k, t: t, process: k.start(t)}
}

// measure does one thing and notes what it has cost.
func (s *subject) measure(m measure) {
	s.t.Helper()
	if _, died := s.process.Died(0); died {
		s.process = s.start(s.t)
	}
	values, err := m.run(s)
	if err != nil && !s.lossy {
		s.t.Fatalf("%s: %s: %v", s.name, m.rows[0].Name, err)
	}
	if _, died := s.process.Died(0); died {
		s.t.Logf("%s has ended:\n%.2000s", s.name, s.process.Stderr())
		err = errEnded
	} else {
		s.settle()
	}
	for i, row := range m.rows {
		v := values[i]
		if err != nil {
			s.t.Logf("%s: %s: %v", s.name, row.Name, err)
			v.Failure = failure(err)
		}
		row.Add(s.name, v)
	}
}

// The bounds of a lossy server: how long a client waits for its CONNECT and
// how often it tries, and after which silence a message counts as lost.
const (
	handshake = 3 * time.Second
	attempts  = 5
	silence   = 5 * time.Second
)

// lifetime is how long clients live at most, and so a measurement.
const lifetime = 4 * time.Minute

// entry is where the clients come in.
func (s *subject) entry(attempts int) load.Entry {
	e := load.Entry{Address: s.process.Addresses["http"], Concurrency: 50}
	if s.lossy {
		e.Patience, e.Attempts = handshake, attempts
	}
	return e
}

// crowd connects clients for one measurement, in which they may do something.
func (s *subject) crowd(clients int, do func(ctx context.Context, conns []*client.Conn) error) error {
	ctx, cancel := context.WithTimeout(s.t.Context(), lifetime)
	defer cancel()
	conns, _, err := s.entry(attempts).Connect(ctx, clients)
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	if err != nil {
		return incomplete{len(conns), clients, err}
	}
	return do(ctx, conns)
}
