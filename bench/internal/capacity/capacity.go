// Package capacity says how many nodes and Redis servers a number of connections
// takes, from what was measured and what is assumed. The formulas are in
// docs/scaling.md, with the same names.
package capacity

import "math"

// Load is what is assumed of clients and backends.
type Load struct {
	// Connections there are, each with a user of its own, and PerNode of them on
	// a node.
	Connections, PerNode int
	// Rooms is how many a connection is in, Members how many connections a room
	// has. They are on any node.
	Rooms, Members int
	// ToUsers and ToRooms are events a second.
	ToUsers, ToRooms float64
	// Busy is which part of a processor Redis may use.
	Busy float64
	// Buffer is what Redis keeps at most for a node that does not read, in bytes.
	Buffer int
}

// Costs are what was measured of a server. Times are in µs of processor time,
// memory in bytes.
type Costs struct {
	// Connection is a node's memory for an idle one; Membership, and Subscription
	// of Redis, are for being a room's or a user's only one on a node.
	Connection, Membership, Subscription float64
	// Publish is what Redis does for an event, and Receiver for each node that
	// gets it.
	Publish, Receiver float64
	// Send is what the sending node does for an event, Receive what each other
	// does that has a member, Bystander what one does that has none.
	Send, Receive, Bystander float64
	// Deliver is each further delivery of an event that is there.
	Deliver float64
}

// Plan follows from both.
type Plan struct {
	Nodes int
	// Reached is how many nodes have a member of a room.
	Reached float64
	// Channels are rooms and users, each once for every node that has one of its
	// connections.
	Channels float64
	// NodeMemory and RedisMemory are in bytes. Go may keep as much again as
	// garbage.
	NodeMemory, RedisMemory float64
	// NodeBusy is how many processors each node uses, RedisBusy how many all
	// Redis servers do.
	NodeBusy, RedisBusy float64
	// Shards is how many Redis servers that takes.
	Shards int
	// Buffers is what one Redis server keeps at most if no node reads.
	Buffers int
	// Everyone is how many seconds of a processor of each node an event for all
	// connections takes.
	Everyone float64
}

// ByInterest is for servers that hear only what their members get.
func ByInterest(l Load, c Costs) Plan {
	p := l.base(c)
	rooms := float64(l.Connections*l.Rooms) / float64(l.Members)
	p.Channels = float64(l.Connections) + rooms*p.Reached
	p.RedisMemory = p.Channels * c.Subscription
	p.redis(l, l.ToUsers*(c.Publish+c.Receiver)+l.ToRooms*(c.Publish+p.Reached*c.Receiver))
	p.NodeBusy = p.members(l, c) / float64(p.Nodes) / 1e6
	return p
}

// ByBroadcast is for servers that hear everything.
func ByBroadcast(l Load, c Costs) Plan {
	p := l.base(c)
	nodes, events := float64(p.Nodes), l.ToUsers+l.ToRooms
	p.redis(l, events*(c.Publish+nodes*c.Receiver))
	p.Shards = 1 // all nodes listen to one pattern of channels: more do not share the work
	idle := l.ToUsers*(nodes-1) + l.ToRooms*(nodes-p.Reached)
	p.NodeBusy = (p.members(l, c) + idle*c.Bystander) / nodes / 1e6
	return p
}

// base is what does not depend on how events travel.
func (l Load) base(c Costs) Plan {
	nodes := math.Ceil(float64(l.Connections) / float64(l.PerNode))
	return Plan{
		Nodes:      int(nodes),
		Reached:    nodes * (1 - math.Pow(1-1/nodes, float64(l.Members))),
		NodeMemory: float64(l.PerNode) * (c.Connection + float64(1+l.Rooms)*c.Membership),
		Buffers:    int(nodes) * l.Buffer,
		Everyone:   float64(l.PerNode) * c.Deliver / 1e6,
	}
}

// redis is for so many µs in a second.
func (p *Plan) redis(l Load, micros float64) {
	p.RedisBusy = micros / 1e6
	p.Shards = max(1, int(math.Ceil(p.RedisBusy/l.Busy)))
}

// members is what sending and delivering takes of all nodes, in µs for a second.
func (p *Plan) members(l Load, c Costs) float64 {
	further := float64(l.Members) - p.Reached
	return (l.ToUsers+l.ToRooms)*c.Send + l.ToUsers*c.Receive + l.ToRooms*(p.Reached*c.Receive+further*c.Deliver)
}
