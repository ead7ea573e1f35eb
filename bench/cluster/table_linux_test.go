package cluster

import (
	"fmt"
	"strings"

	"github.com/seed52a35d2d/realtime-server/bench/internal/report"
)

// table is what is measured, in parts that have a title.
type table struct {
	results *report.Results
	parts   []part
	rows    map[string]*report.Row
}

type part struct {
	title string
	rows  []*report.Row
}

// part begins one.
func (t *table) part(format string, args ...any) {
	t.parts = append(t.parts, part{title: fmt.Sprintf(format, args...)})
}

// row adds one to the last part.
func (t *table) row(row report.Row) {
	last := &t.parts[len(t.parts)-1]
	last.rows = append(last.rows, &row)
	t.results.Rows = append(t.results.Rows, &row)
	t.rows[row.Name+row.Unit] = &row
}

// add notes what a subject has reached in a row, which there must be.
func (t *table) add(subject, name, unit string, v report.Value) {
	row := t.rows[name+unit]
	if row == nil {
		panic("no row " + name + ", " + unit)
	}
	row.Add(subject, v)
}

// String shows all parts in Markdown.
func (t *table) String() string {
	var out strings.Builder
	for _, p := range t.parts {
		fmt.Fprintf(&out, "**%s**\n\n%s\n", p.title, t.results.TableOf(p.rows...))
	}
	return out.String()
}

const (
	micros    = "µs CPU"
	thousands = "1,000/s"
	millis    = "ms"
)

// The names of rows that depend on a size.
func onNodes(name string, nodes int) string { return fmt.Sprintf("%s, %d nodes", name, nodes) }

func inFlight(name string, events int) string { return fmt.Sprintf("%s, %d in flight", name, events) }

func ofRooms(name string, rooms int) string {
	if rooms == 1 {
		return name + ", 1 room"
	}
	return fmt.Sprintf("%s, %s rooms", name, count(float64(rooms)))
}

// newTable has all rows of a run.
func newTable(results *report.Results, kinds []kind, z sizes) *table {
	for _, k := range kinds {
		results.Subjects = append(results.Subjects, k.name)
	}
	t := &table{results: results, rows: map[string]*report.Row{}}
	t.elsewhere(z)
	t.everywhere(z)
	t.ofRooms(z)
	t.atRest(z)
	return t
}

func (t *table) elsewhere(z sizes) {
	t.part("An event for a room whose one member is on another node (%d nodes, unless it says otherwise)", z.detail)
	for _, parallel := range flights {
		for _, name := range []string{requestRow, sending, crossing, receiving, redisPart, bystander} {
			t.row(report.Row{Name: inFlight(name, parallel), Unit: micros, Drawn: name == bystander && parallel == 1})
		}
		for _, nodes := range z.fleets {
			t.row(report.Row{Name: inFlight(onNodes(together, nodes), parallel), Unit: micros, Drawn: parallel == 1})
		}
		for _, nodes := range z.fleets {
			t.row(report.Row{Name: inFlight(onNodes(rateRow, nodes), parallel), Unit: thousands, More: true})
		}
	}
}

func (t *table) everywhere(z sizes) {
	t.part("An event for a room with %d members on every node", z.members)
	for _, nodes := range z.fleets {
		t.row(report.Row{Name: onNodes(delivery, nodes), Unit: micros, Drawn: true})
	}
	for _, nodes := range z.fleets {
		t.row(report.Row{Name: onNodes(redisEvent, nodes), Unit: micros})
	}
	for _, nodes := range z.fleets {
		t.row(report.Row{Name: onNodes(deliveries, nodes), Unit: thousands, More: true})
	}
}

func (t *table) ofRooms(z sizes) {
	t.part("Rooms with one member on each of %d nodes", z.detail)
	for _, r := range z.rooms {
		t.row(report.Row{Name: ofRooms(roomEvent, r.all()), Unit: micros, Drawn: r.all() == z.most()})
	}
	for _, r := range z.rooms {
		if r == one {
			continue // too little to be measured
		}
		for _, name := range []string{joinNode, joinRedis, leaveNode, leaveRedis} {
			t.row(report.Row{Name: ofRooms(name, r.all()), Unit: micros})
		}
	}
	for _, name := range []string{memoryNode, memoryRedis} {
		t.row(report.Row{Name: ofRooms(name, z.most()), Unit: "bytes"})
	}
}

func (t *table) atRest(z sizes) {
	t.part("At rest (one node)")
	t.row(report.Row{Name: idle, Unit: "KB resident"})
	t.row(report.Row{Name: restNode, Unit: "ms CPU/s"})
	t.row(report.Row{Name: restRedis, Unit: "ms CPU/s"})
	t.part("One event now and then (%d nodes)", z.detail)
	for _, name := range []string{latency, callNone, callRouted} {
		for _, percent := range percents {
			t.row(report.Row{Name: at(name, percent), Unit: millis})
		}
	}
}

// percents are those of the deliveries that a time is told for.
var percents = []float64{50, 99}

func at(name string, percent float64) string { return fmt.Sprintf("%s, p%.0f", name, percent) }

// What the rows are called.
const (
	requestRow = "what the request costs"
	sending    = "sending node"
	crossing   = "sending node, without the request"
	receiving  = "receiving node, its delivery included"
	redisPart  = "Redis"
	bystander  = "each node that has no member"
	together   = "all but the request"
	rateRow    = "events"

	delivery   = "delivery on another node"
	redisEvent = "Redis, one event"
	deliveries = "deliveries"

	roomEvent   = "event, all but the request"
	joinNode    = "join, node"
	joinRedis   = "join, Redis"
	leaveNode   = "leave, node"
	leaveRedis  = "leave, Redis"
	memoryNode  = "membership, node"
	memoryRedis = "membership, Redis"

	idle       = "idle connection"
	restNode   = "a node without traffic"
	restRedis  = "Redis without traffic"
	latency    = "latency to another node"
	callNone   = "Send with REPORT_LEVEL_NONE"
	callRouted = "Send with REPORT_LEVEL_ROUTED"
)
