// Package compare measures realtime-server against the floor, in one run and
// in turns: what a unit of work costs each, in processor time of the server.
package compare

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/seed52a35d2d/realtime-server/bench/internal/client"
	"github.com/seed52a35d2d/realtime-server/bench/internal/process"
	"github.com/seed52a35d2d/realtime-server/bench/load"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

var (
	rounds = flag.Int("rounds", 1, "how often everything is measured; the median counts")
	full   = flag.Bool("full", false, "the sizes of docs/benchmarks.md instead of small ones")
)

// subject is a server that is measured.
type subject struct {
	t       *testing.T
	name    string
	process *process.Process
	// broadcast sends events to all clients and follows them.
	broadcast func(ctx context.Context, conns []*client.Conn, j job) (load.Counts, error)
}

// job is one broadcast, so many times.
type job struct{ audience, bytes, parallel, count int }

// measure is what is measured, of each subject in turn.
type measure struct {
	name, unit string
	run        func(s *subject) float64
}

const concurrency = 50

// TestCompare prints a table. It asserts that the work was done, not how fast.
func TestCompare(t *testing.T) {
	subjects := []*subject{realtime(t), floor(t)}
	values := map[string]map[string][]float64{}
	measures := measures()
	for range *rounds {
		for _, m := range measures {
			for _, s := range subjects {
				if values[m.name] == nil {
					values[m.name] = map[string][]float64{}
				}
				values[m.name][s.name] = append(values[m.name][s.name], m.run(s))
			}
		}
	}
	var table strings.Builder
	fmt.Fprintf(&table, "| what | unit | realtime-server | floor | ratio |\n|---|---|---|---|---|\n")
	for _, m := range measures {
		ours, theirs := median(values[m.name]["realtime-server"]), median(values[m.name]["floor"])
		fmt.Fprintf(&table, "| %s | %s | %.2f | %.2f | %.2f |\n", m.name, m.unit, ours, theirs, ours/theirs)
	}
	t.Logf("medians of %d rounds\n%s", *rounds, &table)
	if path := os.Getenv("BENCH_TABLE"); path != "" {
		if err := os.WriteFile(path, []byte(table.String()), 0o600); err != nil {
			t.Error(err)
		}
	}
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

func measures() []measure {
	visits, held, audience, events, talkers, echoes := 100, 100, []int{50}, 100, 10, 50
	if *full {
		visits, held, audience, events, talkers, echoes = 5_000, 10_000, []int{1_000, 9_000}, 300_000, 50, 1_000
	}
	all := []measure{
		{"connect", "µs CPU", func(s *subject) float64 { return s.connect(visits) }},
		{"idle connection", "KB resident", func(s *subject) float64 { return s.idle(held) }},
		{"event with ack", "µs CPU", func(s *subject) float64 { return s.echo(talkers, echoes) }},
	}
	for _, clients := range audience {
		for _, bytes := range []int{128, 1024} {
			for _, parallel := range []int{1, 16} {
				j := job{clients, bytes, parallel, max(10, events/clients)}
				name := fmt.Sprintf("delivery to %d × %d B, %d in flight", clients, bytes, parallel)
				all = append(all, measure{name, "µs CPU", func(s *subject) float64 { return s.deliver(j) }})
			}
		}
	}
	return all
}

func realtime(t *testing.T) *subject {
	t.Helper()
	p := process.Realtime(t, "../..", "--set", "admin.pprof=true")
	conn, err := grpc.NewClient(p.Addresses["grpc"], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	api := realtimev1.NewRealtimeClient(conn)
	return &subject{t, "realtime-server", p, func(ctx context.Context, conns []*client.Conn, j job) (load.Counts, error) {
		d := load.Delivery{API: api, Clients: conns, Pace: load.Pace{PerSecond: 1_000_000, Total: j.count}, Callers: j.parallel, Payload: j.bytes}
		return d.Run(ctx)
	}}
}

func floor(t *testing.T) *subject {
	t.Helper()
	p := process.Start(t, exec.CommandContext(t.Context(), process.Build(t, "../..", "./bench/floor")), "http", "control")
	return &subject{t, "floor", p, func(ctx context.Context, conns []*client.Conn, j job) (load.Counts, error) {
		return load.Follow(conns, j.count, func() error {
			url := fmt.Sprintf("http://%s/?count=%d&bytes=%d&parallel=%d", p.Addresses["control"], j.count, j.bytes, j.parallel)
			request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, http.NoBody)
			if err != nil {
				return err
			}
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				return err
			}
			if response.StatusCode != http.StatusOK {
				err = errors.New(response.Status)
			}
			return errors.Join(err, response.Body.Close())
		})
	}}
}

// crowd connects clients for one measurement.
func (s *subject) crowd(clients int) (conns []*client.Conn, leave func()) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*time.Minute)
	conns, err := load.Connect(ctx, s.process.Addresses["http"], clients, concurrency)
	if err != nil {
		s.t.Fatal(err)
	}
	return conns, func() {
		cancel()
		for _, c := range conns {
			c.Close()
		}
	}
}

// cost is the processor time for one unit of work, in µs.
func (s *subject) cost(units int, work func()) float64 {
	s.t.Helper()
	before, err := s.process.CPU()
	if err != nil {
		s.t.Fatal(err)
	}
	work()
	after, err := s.process.CPU()
	if err != nil {
		s.t.Fatal(err)
	}
	return float64(after-before) / float64(time.Microsecond) / float64(units)
}

func (s *subject) connect(visits int) float64 {
	s.t.Helper()
	return s.cost(visits, func() {
		ctx, cancel := context.WithTimeout(s.t.Context(), 2*time.Minute)
		defer cancel()
		if n, err := load.Visit(ctx, s.process.Addresses["http"], visits, concurrency); n != visits {
			s.t.Errorf("%s: %d of %d connects are answered: %v", s.name, n, visits, err)
		}
	})
}

func (s *subject) idle(held int) float64 {
	s.t.Helper()
	before := s.process.Resident(s.t)
	_, leave := s.crowd(held)
	defer leave()
	return float64(s.process.Resident(s.t)-before) / 1024 / float64(held)
}

func (s *subject) echo(talkers, echoes int) float64 {
	s.t.Helper()
	conns, leave := s.crowd(talkers)
	defer leave()
	return s.cost(talkers*echoes, func() {
		if err := load.RoundTrips(conns, echoes); err != nil {
			s.t.Errorf("%s: %v", s.name, err)
		}
	})
}

func (s *subject) deliver(j job) float64 {
	s.t.Helper()
	conns, leave := s.crowd(j.audience)
	defer leave()
	return s.cost(j.audience*j.count, func() {
		counts, err := s.broadcast(s.t.Context(), conns, j)
		if err != nil || counts.Lost+counts.Repeated > 0 {
			s.t.Errorf("%s: %v, %v", s.name, counts, err)
		}
	})
}
