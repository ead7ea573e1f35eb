package capacity

import (
	"math"
	"testing"
)

// One member of each room, so that every room is on one node.
var (
	load = Load{
		Connections: 1000, PerNode: 100, Rooms: 2, Members: 1,
		ToUsers: 10_000, ToRooms: 5_000, Busy: 0.5, Buffer: 7,
	}
	costs = Costs{
		Connection: 2000, Membership: 300, Subscription: 100,
		Publish: 10, Receiver: 5, Send: 60, Receive: 40, Bystander: 8, Deliver: 3,
	}
)

func TestByInterest(t *testing.T) {
	same(t, ByInterest(load, costs), Plan{
		Nodes: 10, Reached: 1,
		Channels:    1000 + 2000,
		NodeMemory:  100 * (2000 + 3*300),
		RedisMemory: 3000 * 100,
		NodeBusy:    15_000 * (60 + 40) / 10 / 1e6,
		RedisBusy:   15_000 * (10 + 5) / 1e6,
		Shards:      1,
		Buffers:     70,
		Everyone:    100 * 3 / 1e6,
	})
}

func TestByBroadcast(t *testing.T) {
	same(t, ByBroadcast(load, costs), Plan{
		Nodes: 10, Reached: 1,
		NodeMemory: 100 * (2000 + 3*300),
		NodeBusy:   15_000 * (60 + 40 + 9*8) / 10 / 1e6,
		RedisBusy:  15_000 * (10 + 10*5) / 1e6,
		Shards:     1,
		Buffers:    70,
		Everyone:   100 * 3 / 1e6,
	})
}

func TestManyMembersReachAllNodes(t *testing.T) {
	big := load
	big.Members = 1000
	p := ByInterest(big, costs)
	if math.Abs(p.Reached-10) > 1e-9 || p.Shards != 1 {
		t.Errorf("%+v", p)
	}
	want := (15_000*60 + 10_000*40 + 5_000*(10*40+990*3)) / 10 / 1e6
	if math.Abs(p.NodeBusy-want) > 1e-6 {
		t.Errorf("nodes use %v processors, want %v", p.NodeBusy, want)
	}
	big.ToUsers *= 10
	if p := ByInterest(big, costs); p.Shards != 4 { // 1.5 + 0.3 processors, half of one each
		t.Errorf("%d servers for %v processors", p.Shards, p.RedisBusy)
	}
}

// same compares numbers that were calculated in another order.
func same(t *testing.T, got, want Plan) {
	t.Helper()
	for _, pair := range []struct{ got, want *float64 }{
		{&got.Reached, &want.Reached},
		{&got.Channels, &want.Channels},
		{&got.NodeMemory, &want.NodeMemory},
		{&got.RedisMemory, &want.RedisMemory},
		{&got.NodeBusy, &want.NodeBusy},
		{&got.RedisBusy, &want.RedisBusy},
		{&got.Everyone, &want.Everyone},
	} {
		if math.Abs(*pair.got-*pair.want) < 1e-9*max(1, *pair.want) {
			*pair.got = *pair.want
		}
	}
	if got != want {
		t.Errorf("%+v\nwant %+v", got, want)
	}
}
