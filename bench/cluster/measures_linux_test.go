package cluster

import (
	"context"
	"slices"
	"time"

	"github.com/seed52a35d2d/realtime-server/bench/internal/control"
	"github.com/seed52a35d2d/realtime-server/bench/internal/report"
	"github.com/seed52a35d2d/realtime-server/bench/load"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

// trial is one fleet that is measured, and where its values go.
type trial struct {
	*fleet
	sizes

	table   *table
	request map[int]float64 // what one costs without other nodes, in µs, by how many are in flight
}

// note adds a value to a row.
func (m *trial) note(name, unit string, number float64) {
	m.table.add(m.name, name, unit, report.Value{Number: number})
}

// noteOf adds a value with what was lost meanwhile.
func (m *trial) noteOf(o outcome, name, unit string, number float64) {
	m.table.add(m.name, name, unit, report.Value{Number: number, Lost: o.Lost, Sent: o.Sent})
}

// warm is how many events pass before those that count: a node that has just
// begun compiles, or makes its heap.
func (m *trial) warm() int { return m.events / 4 }

// per is a cost of one unit of work, in µs.
func per(used time.Duration, units int) float64 {
	return float64(used) / float64(time.Microsecond) / float64(max(1, units))
}

// rate is in thousands a second.
func rate(units int, took time.Duration) float64 { return float64(units) / 1000 / took.Seconds() }

// measureRequest is what an event costs a node without Redis if nobody is in the
// room: asking for it, and finding nobody.
func (m *trial) measureRequest() error {
	sender := m.nodes[0].sender(one)
	for _, parallel := range flights {
		send := func(events int) error {
			return sender.Broadcast(m.t.Context(), control.Order{Count: events, Bytes: payload, Parallel: parallel})
		}
		if err := send(m.warm()); err != nil {
			return err
		}
		events := m.eventsOf(parallel)
		used, err := m.cost(func() error { return send(events) })
		if err != nil {
			return err
		}
		m.request[parallel] = per(used.nodes[0], events)
	}
	return nil
}

// eventsOf is how many are sent: what is sent one after another takes longer.
func (m *trial) eventsOf(parallel int) int {
	if parallel == 1 {
		return m.events / 2
	}
	return m.events
}

// elsewhere sends to a room whose only member is on the second node.
func (m *trial) elsewhere() error {
	return m.crowd(m.nodes[1:2], 1, func(ctx context.Context, c crowd) error {
		if err := c.join(ctx, one); err != nil {
			return err
		}
		if _, err := c.send(ctx, job{one, m.warm(), many, atOnce}, nil); err != nil {
			return err
		}
		before := m.heardByBystanders()
		for _, parallel := range flights {
			o, err := c.send(ctx, job{one, m.eventsOf(parallel), parallel, atOnce}, nil)
			if err != nil {
				return err
			}
			m.noteElsewhere(o, parallel)
		}
		if after := m.heardByBystanders(); after != before {
			m.t.Errorf("nodes without a member have heard %v events", after-before)
		}
		return nil
	})
}

func (m *trial) noteElsewhere(o outcome, parallel int) {
	events, request := m.eventsOf(parallel), m.request[parallel]
	note := func(name string, number float64) { m.noteOf(o, inFlight(name, parallel), micros, number) }
	note(onNodes(together, len(m.nodes)), per(o.all(), events)-request)
	m.noteOf(o, inFlight(onNodes(rateRow, len(m.nodes)), parallel), thousands, rate(events, o.took))
	if len(m.nodes) != m.detail {
		return
	}
	sender, others := per(o.nodes[0], events), o.nodes[2:]
	note(requestRow, request)
	note(sending, sender)
	note(crossing, sender-request)
	note(receiving, per(o.nodes[1], events))
	note(redisPart, per(o.redis, events))
	note(bystander, per(sum(others), events*len(others)))
}

// heardByBystanders is how many events of others the nodes have heard that never
// have a member, if they can tell.
func (m *trial) heardByBystanders() (all float64) {
	if m.heard == nil {
		return 0
	}
	for _, n := range m.nodes[2:] {
		all += m.heard(m.t, n)
	}
	return all
}

// everywhere sends to a room that has members on all nodes.
func (m *trial) everywhere() error {
	return m.crowd(m.nodes, m.members, func(ctx context.Context, c crowd) error {
		if err := c.join(ctx, one); err != nil {
			return err
		}
		numbers := max(2*many, m.deliveries/m.members/len(m.nodes))
		if _, err := c.send(ctx, job{one, numbers / 4, many, atOnce}, nil); err != nil {
			return err
		}
		o, err := c.send(ctx, job{one, numbers, many, atOnce}, nil)
		if err != nil {
			return err
		}
		far := o.Received() * (len(m.nodes) - 1) / len(m.nodes)
		m.noteOf(o, onNodes(delivery, len(m.nodes)), micros, per(sum(o.nodes[1:])+o.redis, far))
		m.noteOf(o, onNodes(redisEvent, len(m.nodes)), micros, per(o.redis, numbers))
		m.noteOf(o, onNodes(deliveries, len(m.nodes)), thousands, rate(o.Received(), o.took))
		return nil
	})
}

// manyRooms has one member of each room on each node, sends to all rooms, and
// lets everybody leave.
func (m *trial) manyRooms(r rooms) error {
	return m.crowd(m.nodes, r.groups, func(ctx context.Context, c crowd) error {
		if err := m.changeRooms(ctx, &c, r); err != nil {
			return err
		}
		numbers := m.events / r.groups
		o, err := c.send(ctx, job{r, numbers, many, atOnce}, nil)
		if err != nil {
			return err
		}
		m.noteOf(o, ofRooms(roomEvent, r.all()), micros, per(o.all(), numbers*r.groups)-m.request[many])
		left, err := m.cost(func() error { return c.leave(ctx, r) })
		if err == nil && r != one {
			m.noteChange(r, leaveNode, leaveRedis, left)
		}
		return err
	})
}

// changeRooms has everybody join, and says what that costs and what stays of it
// in memory.
func (m *trial) changeRooms(ctx context.Context, c *crowd, r rooms) error {
	if r == one {
		return c.join(ctx, r)
	}
	nodes, redis := m.memory()
	joined, err := m.cost(func() error { return c.join(ctx, r) })
	if err != nil {
		return err
	}
	m.noteChange(r, joinNode, joinRedis, joined)
	if r.all() != m.most() {
		return nil // too little to be measured
	}
	nodesNow, redisNow := m.memory()
	all := float64(r.all() * len(m.nodes))
	m.note(ofRooms(memoryNode, r.all()), "bytes", float64(nodesNow-nodes)/all)
	m.note(ofRooms(memoryRedis, r.all()), "bytes", float64(redisNow-redis)/all)
	return nil
}

func (m *trial) noteChange(r rooms, node, redis string, used usage) {
	all := r.all() * len(m.nodes)
	m.note(ofRooms(node, r.all()), micros, per(sum(used.nodes), all))
	m.note(ofRooms(redis, r.all()), micros, per(used.redis, all))
}

// memory is what all nodes and Redis have in use, in bytes.
func (m *trial) memory() (nodes, redis int) {
	m.t.Helper()
	for _, n := range m.nodes {
		nodes += n.Resident(m.t)
	}
	return nodes, m.info("memory", "used_memory")
}

// rest is what connections that do nothing cost a node in memory, and what nodes
// do without being asked.
func (m *trial) rest() error {
	none := func(context.Context, crowd) error { return nil }
	if err := m.crowd(m.nodes[:1], max(10, m.held/100), none); err != nil { // for whatever is made once
		return err
	}
	before := m.nodes[0].Resident(m.t)
	err := m.crowd(m.nodes[:1], m.held, func(context.Context, crowd) error {
		m.note(idle, "KB resident", float64(m.nodes[0].Resident(m.t)-before)/1024/float64(m.held))
		return nil
	})
	if err != nil {
		return err
	}
	used, _ := m.cost(func() error { time.Sleep(m.pause); return nil }) // it cannot fail
	m.note(restNode, "ms CPU/s", 1000*used.nodes[0].Seconds()/m.pause.Seconds())
	m.note(restRedis, "ms CPU/s", 1000*used.redis.Seconds()/m.pause.Seconds())
	return nil
}

// latencies sends now and then, to a member on another node.
func (m *trial) latencies() error {
	return m.crowd(m.nodes[1:2], 1, func(ctx context.Context, c crowd) error {
		if err := c.join(ctx, one); err != nil {
			return err
		}
		watch := load.NewStopwatch(1, m.paced)
		o, err := c.send(ctx, job{one, m.paced, 1, m.perSecond}, watch)
		if err != nil {
			return err
		}
		for i, took := range watch.Percentiles(percents...) {
			m.noteOf(o, at(latency, percents[i]), millis, took.Seconds()*1000)
		}
		return m.calls(ctx, c)
	})
}

// calls times the API's calls, if there is one.
func (m *trial) calls(ctx context.Context, c crowd) error {
	a, ours := m.nodes[0].driver.(api)
	if !ours {
		return nil
	}
	for name, level := range map[string]realtimev1.ReportLevel{
		callNone: realtimev1.ReportLevel_REPORT_LEVEL_NONE, callRouted: realtimev1.ReportLevel_REPORT_LEVEL_ROUTED,
	} {
		watch := load.NewStopwatch(1, 0)
		took := func(d time.Duration) { watch.Note(0, d) } // one call at a time
		d := load.Delivery{
			Sender: sender{a, one, level, took}, Clients: slices.Concat(c.clients...), Patience: silence,
			Pace: load.Pace{PerSecond: m.perSecond, Total: m.paced}, Parallel: 1, Payload: payload,
		}
		counts, _, err := d.Run(ctx)
		if err := m.judge(counts, err); err != nil {
			return err
		}
		for i, took := range watch.Percentiles(percents...) {
			m.note(at(name, percents[i]), millis, took.Seconds()*1000)
		}
	}
	return nil
}
