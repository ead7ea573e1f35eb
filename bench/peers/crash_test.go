package peers

import (
	"context"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/seed52a35d2d/realtime-server/bench/internal/client"
	"github.com/seed52a35d2d/realtime-server/bench/internal/process"
)

// poison are Socket.IO packets of which each ends the library's process: it
// takes a payload that is not there for an array, in a goroutine that nobody
// guards. The last one answers the event that command zishang sends first.
var poison = []string{`2`, `50-`, `31`}

func TestOneFrameEndsTheirs(t *testing.T) {
	binary := process.Build(t, ".", "./zishang")
	for _, packet := range poison {
		server := process.Start(t, exec.CommandContext(t.Context(), binary, "-hello"), "http")
		c := dial(t, server)
		receive(t, c, `21["hello"]`)
		if err := c.Send(packet); err != nil {
			t.Fatal(err)
		}
		code, died := server.Died(10 * time.Second)
		if !died || code == 0 || !strings.Contains(server.Stderr(), "panic: interface conversion") {
			t.Errorf("%s: died %v with code %d: the fault is gone\n%s", packet, died, code, server.Stderr())
		}
	}
}

func TestOursSurvives(t *testing.T) {
	server := process.Realtime(t, "../..")
	bystander := dial(t, server)
	for _, packet := range poison {
		c := dial(t, server)
		if err := c.Send(packet); err != nil {
			t.Fatal(err)
		}
		if answer, err := c.Receive(); !errors.Is(err, io.EOF) {
			t.Errorf("%s: session goes on with %q, %v", packet, answer, err)
		}
		if err := bystander.Send(`27["echo",1]`); err != nil {
			t.Fatal(err)
		}
		receive(t, bystander, `37[1]`)
	}
}

// dial connects, if need be several times: the library forgets a CONNECT now
// and then that comes soon after the handshake.
func dial(t *testing.T, server *process.Process) *client.Conn {
	t.Helper()
	var problems []error
	for range 5 {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		t.Cleanup(cancel)
		c, err := client.Dial(ctx, server.Addresses["http"])
		if err == nil {
			t.Cleanup(func() { c.Close() })
			return c
		}
		problems = append(problems, err)
	}
	t.Fatal(errors.Join(problems...))
	return nil
}

func receive(t *testing.T, c *client.Conn, want string) {
	t.Helper()
	if got, err := c.Receive(); err != nil || string(got) != want {
		t.Fatalf("received %q, %v, want %s", got, err, want)
	}
}
