package cluster

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/seed52a35d2d/realtime-server/bench/internal/report"
)

const documentPath = "../../docs/scaling.md"

// TestDocumentShowsItsRun holds docs/scaling.md against the values of the run
// that it tells of: nobody has rounded them by hand, and the rows are those that
// this package measures.
func TestDocumentShowsItsRun(t *testing.T) {
	data, err := os.ReadFile("../results/cluster.json")
	if err != nil {
		t.Fatal(err)
	}
	var run report.Results
	if err := json.Unmarshal(data, &run); err != nil {
		t.Fatal(err)
	}
	results := &report.Results{Day: run.Day, Machine: run.Machine, Rounds: run.Rounds}
	table := newTable(results, kinds(), ofDocument())
	for _, row := range run.Rows {
		if known := table.rows[row.Name+row.Unit]; known != nil {
			known.Values = row.Values
		}
	}
	shown, err := report.Shown(document(t), "make bench-cluster")
	if err != nil {
		t.Fatal(err)
	}
	if want := section(table, kinds(), ofDocument()); shown != want {
		t.Errorf("docs/scaling.md is not what its run has measured; `make bench-cluster` writes it anew. It should show\n%s", want)
	}
}

// TestDocumentExplainsTheExample wants a formula for whatever follows.
func TestDocumentExplainsTheExample(t *testing.T) {
	text := document(t)
	for _, row := range outputs {
		if !strings.Contains(text, "\n| `"+row.symbol+"` | ") {
			t.Errorf("no formula for %s, %s", row.symbol, row.what)
		}
	}
}

func document(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(documentPath)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
