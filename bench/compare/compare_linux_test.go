package compare

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/seed52a35d2d/realtime-server/bench/internal/report"
)

var (
	rounds = flag.Int("rounds", 1, "how often everything is measured; the median counts")
	full   = flag.Bool("full", false, "the sizes of docs/benchmarks.md instead of small ones")
	peers  = flag.Bool("peers", false, "measure Node's server and the other Go library as well")
	write  = flag.Bool("write", false, "renew docs/benchmarks.md, its chart, and bench/results")
)

// TestCompare prints a table. It asserts that the work was done, not how fast.
func TestCompare(t *testing.T) {
	kinds := kinds(t)
	machine, err := report.ThisMachine(t.Context(), *peers)
	if err != nil {
		t.Fatal(err)
	}
	results := &report.Results{Day: time.Now().Format(time.DateOnly), Machine: machine, Rounds: *rounds}
	for _, k := range kinds {
		results.Subjects = append(results.Subjects, k.name)
	}
	measures := measures()
	for _, m := range measures {
		results.Rows = append(results.Rows, m.rows...)
	}
	for n := range *rounds {
		t.Run(fmt.Sprintf("round %d", n+1), func(t *testing.T) { round(t, kinds, measures) })
		t.Run(fmt.Sprintf("slow consumer %d", n+1), func(t *testing.T) { results.Slow = append(results.Slow, slowConsumer(t)) })
	}
	t.Logf("medians of the rounds\n%s\n%s", results.Table(), results.SlowTable())
	if *write {
		publish(t, "../..", results)
	}
}

// round measures everything once. Servers are new in every round, so that none
// lives on the memory of the last.
func round(t *testing.T, kinds []kind, measures []measure) {
	t.Helper()
	var subjects []*subject
	for _, k := range kinds {
		subjects = append(subjects, k.begin(t))
	}
	for _, m := range measures {
		for _, s := range subjects {
			s.measure(m)
		}
	}
}

// publish writes the results where readers look for them.
func publish(t *testing.T, root string, r *report.Results) {
	t.Helper()
	page := filepath.Join(root, "docs", "benchmarks.md")
	old, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	document, err := report.Renew(string(old), "make bench", r.Section("benchmarks.svg"))
	if err != nil {
		t.Fatal(err)
	}
	data, err := r.JSON()
	if err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{
		page: document,
		filepath.Join(root, "docs", "benchmarks.svg"):          report.Chart("What a unit of work costs the server: shorter is better", r.Panels()),
		filepath.Join(root, "bench", "results", "latest.json"): string(data),
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil { //nolint:gosec // for everybody to read
			t.Fatal(err)
		}
	}
}
