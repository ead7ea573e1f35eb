package cluster

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed52a35d2d/realtime-server/bench/internal/report"
	"github.com/seed52a35d2d/realtime-server/bench/load"
)

var (
	rounds = flag.Int("rounds", 1, "how often everything is measured; the median counts")
	full   = flag.Bool("full", false, "the sizes of docs/scaling.md instead of small ones")
	write  = flag.Bool("write", false, "renew docs/scaling.md, its chart, and bench/results")
)

// sizes say how much of everything is done.
type sizes struct {
	fleets []int // numbers of nodes
	detail int   // the one of these that is looked at closely
	rooms  []rooms
	// held are idle connections, members those of a room on each node. events
	// and deliveries are at least so many.
	held, members, events, deliveries int
	paced, perSecond                  int
	pause                             time.Duration // for whatever nodes do without being asked
}

// ofDocument are the sizes of docs/scaling.md.
func ofDocument() sizes {
	return sizes{
		fleets: []int{2, 4, 8}, detail: 4, rooms: []rooms{one, {100, 10}, {100, 100}},
		held: 6_000, members: 100, events: 16_000, deliveries: 240_000, paced: 200, perSecond: 50, pause: 5 * time.Second,
	}
}

func chosen() sizes {
	if *full {
		return ofDocument()
	}
	return sizes{
		fleets: []int{3}, detail: 3, rooms: []rooms{one, {3, 10}},
		held: 50, members: 5, events: 150, deliveries: 500, paced: 10, perSecond: 100, pause: 100 * time.Millisecond,
	}
}

// most is the largest number of rooms.
func (z sizes) most() int { return z.rooms[len(z.rooms)-1].all() }

// TestCluster prints a table. It asserts that ours loses nothing, and that nodes
// without members hear nothing; not how fast anything is.
func TestCluster(t *testing.T) {
	build(t)
	kinds, z := kinds(), chosen()
	results := &report.Results{Day: time.Now().Format(time.DateOnly), Machine: machine(t), Rounds: *rounds}
	table := newTable(results, kinds, z)
	for n := range *rounds {
		for _, k := range kinds {
			t.Run(fmt.Sprintf("round %d %s", n+1, k.name), func(t *testing.T) { round(t, k, z, table) })
		}
	}
	section := section(table, kinds, z)
	t.Logf("medians of the rounds\n%s", section)
	if *write && !t.Failed() {
		publish(t, "../..", results, section)
	}
}

func machine(t *testing.T) report.Machine {
	t.Helper()
	m, err := report.ThisMachine(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	version, err := exec.CommandContext(t.Context(), "redis-server", "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(version), "v=")
	m.Redis, _, _ = strings.Cut(rest, " ")
	return m
}

// round measures everything of one kind once. Fleets are new where it matters
// that nobody has used them.
func round(t *testing.T, k kind, z sizes, table *table) {
	t.Helper()
	request := map[int]float64{}
	t.Run("alone", func(t *testing.T) {
		m := trial{fleet: k.alone(t), sizes: z, table: table, request: request}
		m.do(onRow{inFlight(requestRow, 1), micros}, m.measureRequest)
	})
	with := func(name string, nodes int, measure func(m trial)) {
		t.Run(name, func(t *testing.T) {
			measure(trial{fleet: k.fleet(t, nodes), sizes: z, table: table, request: request})
		})
	}
	with("rest", 1, func(m trial) { m.do(onRow{idle, "KB resident"}, m.rest) })
	for _, nodes := range z.fleets {
		with(fmt.Sprintf("%d nodes", nodes), nodes, func(m trial) { m.sendEvents() })
	}
	with("rooms", z.detail, func(m trial) {
		for _, r := range slices.Backward(z.rooms) { // memory is measured with the most, before all else
			m.do(onRow{ofRooms(roomEvent, r.all()), micros}, func() error { return m.manyRooms(r) })
		}
	})
}

// onRow names a row.
type onRow struct{ name, unit string }

// sendEvents sends to one room.
func (m *trial) sendEvents() {
	nodes := len(m.nodes)
	m.do(onRow{inFlight(onNodes(together, nodes), 1), micros}, m.elsewhere)
	m.do(onRow{onNodes(delivery, nodes), micros}, m.everywhere)
	if nodes == m.detail {
		m.do(onRow{at(latency, percents[0]), millis}, m.latencies)
	}
}

// do measures something. If a lossy server cannot do it, its row says so.
func (m *trial) do(row onRow, measure func() error) {
	m.t.Helper()
	err := measure()
	switch {
	case err == nil:
	case m.lossy:
		m.t.Logf("%s: %s: %v", m.name, row.name, err)
		m.table.add(m.name, row.name, row.unit, report.Value{Failure: failure(err)})
	default:
		m.t.Fatalf("%s: %s: %v", m.name, row.name, err)
	}
}

// failure is what a reader of the table is told, without addresses.
func failure(err error) string {
	if errors.Is(err, load.ErrSilent) {
		return "has gone silent"
	}
	return "broke connections"
}

// section is what the document shows of a run.
func section(t *table, kinds []kind, z sizes) string {
	return t.results.Summary() + "\n\n" + t.String() + "![The same as a chart](scaling.svg)\n\n" + plans(t, kinds, z)
}

// publish writes the results where readers look for them.
func publish(t *testing.T, root string, r *report.Results, section string) {
	t.Helper()
	page := filepath.Join(root, "docs", "scaling.md")
	old, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	document, err := report.Renew(string(old), "make bench-cluster", section)
	if err != nil {
		t.Fatal(err)
	}
	data, err := r.JSON()
	if err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{
		page: document,
		filepath.Join(root, "docs", "scaling.svg"):              report.Chart("What an event costs several nodes: shorter is better", r.Panels()),
		filepath.Join(root, "bench", "results", "cluster.json"): string(data),
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil { //nolint:gosec // for everybody to read
			t.Fatal(err)
		}
	}
}
