package cluster

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/seed52a35d2d/realtime-server/bench/internal/capacity"
)

// assumed is the load of the example in docs/scaling.md.
var assumed = capacity.Load{
	Connections: 1_000_000, PerNode: 50_000,
	Rooms: 2, Members: 20,
	ToUsers: 5_000, ToRooms: 2_000,
	Busy:   0.5,
	Buffer: 32 << 20,
}

// median is that of a row that all subjects have.
func (t *table) median(subject, name, unit string) float64 {
	value, _ := t.rows[name+unit].Median(subject)
	return value
}

// costs are what was measured of a subject.
func (t *table) costs(subject string, z sizes) capacity.Costs {
	cpu := func(name string) float64 { return t.median(subject, name, micros) }
	c := capacity.Costs{
		Connection:   1024 * max(0, t.median(subject, idle, "KB resident")),
		Membership:   max(0, t.median(subject, ofRooms(memoryNode, z.most()), "bytes")),
		Subscription: max(0, t.median(subject, ofRooms(memoryRedis, z.most()), "bytes")),
		Send:         cpu(inFlight(sending, 1)),
		Receive:      cpu(inFlight(receiving, 1)),
		Bystander:    cpu(inFlight(bystander, 1)),
		Deliver:      cpu(onNodes(delivery, z.fleets[len(z.fleets)-1])),
	}
	c.Publish, c.Receiver = t.redisCosts(subject, z)
	return c
}

// redisCosts finds what Redis does for an event and for each node that gets it:
// a room with members on few nodes and on many differs by the nodes.
func (t *table) redisCosts(subject string, z sizes) (publish, receiver float64) {
	few, most := z.fleets[0], z.fleets[len(z.fleets)-1]
	of := func(nodes int) float64 { return t.median(subject, onNodes(redisEvent, nodes), micros) }
	if few < most {
		receiver = max(0, of(most)-of(few)) / float64(most-few)
	}
	return max(0, t.median(subject, inFlight(redisPart, 1), micros)-receiver), receiver
}

// plans is the example for all subjects.
func plans(t *table, kinds []kind, z sizes) string {
	var costs []capacity.Costs
	var plans []capacity.Plan
	for _, k := range kinds {
		c := t.costs(k.name, z)
		costs = append(costs, c)
		if k.hearsAll {
			plans = append(plans, capacity.ByBroadcast(assumed, c))
		} else {
			plans = append(plans, capacity.ByInterest(assumed, c))
		}
	}
	subjects := strings.Join(t.results.Subjects, " | ")
	rule := strings.Repeat("---|", 2+len(kinds))
	return fmt.Sprintf("**%s connections, by these figures**\n\n%s\n\n| measured | | %s |\n|%s\n%s\n| follows | | %s |\n|%s\n%s",
		count(float64(assumed.Connections)), assumptions(assumed),
		subjects, rule, lines(inputs, costs), subjects, rule, lines(outputs, plans))
}

func assumptions(l capacity.Load) string {
	return fmt.Sprintf("Assumed: `c` = %s connections on a node, each with a user of its own and in `k` = %d rooms of `m` = %d members; "+
		"`e` = %s events/s to single users and `f` = %s events/s to rooms, of %d bytes; each Redis server busy for `b` = %.0f %% of a "+
		"processor at most, and `o` = %d MiB of it for a node that does not read.",
		count(float64(l.PerNode)), l.Rooms, l.Members, count(l.ToUsers), count(l.ToRooms), payload, 100*l.Busy, l.Buffer>>20)
}

// planRow is a line of the example.
type planRow[T any] struct {
	what, symbol string
	of           func(T) string
}

func lines[T any](rows []planRow[T], subjects []T) string {
	var out strings.Builder
	for _, row := range rows {
		fmt.Fprintf(&out, "| %s | `%s` |", row.what, row.symbol)
		for _, s := range subjects {
			fmt.Fprintf(&out, " %s |", row.of(s))
		}
		out.WriteString("\n")
	}
	return out.String()
}

var inputs = []planRow[capacity.Costs]{
	{"an idle connection, on its node", "i", func(c capacity.Costs) string { return digits(c.Connection) + " bytes" }},
	{"the only member of a room on its node", "j", func(c capacity.Costs) string { return digits(c.Membership) + " bytes" }},
	{"the same, in Redis", "s", func(c capacity.Costs) string { return digits(c.Subscription) + " bytes" }},
	{"Redis: an event", "p", func(c capacity.Costs) string { return digits(c.Publish) + " µs" }},
	{"Redis: each node that gets it", "q", func(c capacity.Costs) string { return digits(c.Receiver) + " µs" }},
	{"a node: an event that it sends", "u", func(c capacity.Costs) string { return digits(c.Send) + " µs" }},
	{"a node: an event of another, and one delivery", "v", func(c capacity.Costs) string { return digits(c.Receive) + " µs" }},
	{"a node: an event of another, without a member", "w", func(c capacity.Costs) string { return digits(c.Bystander) + " µs" }},
	{"a node: one of many deliveries of an event", "d", func(c capacity.Costs) string { return digits(c.Deliver) + " µs" }},
}

var outputs = []planRow[capacity.Plan]{
	{"nodes", "N", func(p capacity.Plan) string { return strconv.Itoa(p.Nodes) }},
	{"memory of a node", "M", func(p capacity.Plan) string { return megabytes(p.NodeMemory) }},
	{"nodes that have a member of a room", "r", func(p capacity.Plan) string { return digits(p.Reached) }},
	{"subscriptions", "S", func(p capacity.Plan) string { return count(p.Channels) }},
	{"memory of Redis for them", "R", func(p capacity.Plan) string { return megabytes(p.RedisMemory) }},
	{"processors that Redis uses", "B", func(p capacity.Plan) string { return digits(p.RedisBusy) }},
	{"Redis servers that share the work", "H", shards},
	{"output buffers of a Redis server, at most", "O", func(p capacity.Plan) string { return megabytes(float64(p.Buffers)) }},
	{"processors that each node uses", "A", func(p capacity.Plan) string { return digits(p.NodeBusy) }},
	{"an event for everybody, on each node", "E", func(p capacity.Plan) string { return digits(p.Everyone*1000) + " ms" }},
}

func shards(p capacity.Plan) string {
	if p.Channels == 0 {
		return "1, no more would help"
	}
	return strconv.Itoa(p.Shards)
}

func megabytes(bytes float64) string { return count(bytes/1e6) + " MB" }

func digits(value float64) string {
	switch {
	case value >= 100:
		return count(value)
	case value >= 10:
		return strconv.FormatFloat(value, 'f', 1, 64)
	}
	return strconv.FormatFloat(value, 'f', 2, 64)
}

// count writes 1234567.8 as 1,234,568.
func count(value float64) string {
	text := strconv.FormatFloat(value, 'f', 0, 64)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}
