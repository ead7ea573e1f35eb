package redisbus

import (
	"fmt"
	"strings"
	"testing"

	"github.com/seed52a35d2d/realtime-server/internal/testenv"
)

func TestSentinelFailover(t *testing.T) {
	t.Parallel()
	s := testenv.StartSentinel(t)
	cfg := quick(s.Addresses()...)
	cfg.MasterName = testenv.MasterName
	alice, bob := begin(t, cfg), begin(t, cfg)
	alice.want(StateOK)
	bob.want(StateOK)
	e := bob.listen("room")
	alice.say("room", "before")
	e.wantNext("before")
	if err := alice.Client().Set(t.Context(), "key", "1", 0).Err(); err != nil {
		t.Fatal(err)
	}

	s.Sentinels[0].Pause() // accepts connections and says nothing
	s.Master.Kill()
	alice.want(StateDegraded)
	bob.want(StateDegraded)
	alice.want(StateOK)
	bob.want(StateOK)
	alice.say("room", "after")
	e.wantNext("after")
	if at := bob.paths[0].lane.address(); at != s.Replica.Address() {
		t.Errorf("publishes to %s", at)
	}
	alice.until("commands work", func() bool {
		return alice.Client().Set(t.Context(), "key", "2", 0).Err() == nil
	})

	s.Master.Start() // the old one comes back, and becomes a replica
	bob.until("it has been told so", func() bool {
		role, err := s.Master.Try("ROLE")
		return err == nil && strings.HasPrefix(fmt.Sprint(role), "[slave")
	})
	alice.want(StateOK)
	bob.want(StateOK)
	e.wantSoon(alice.sayUntilTaken("room", "end"))
}

func TestClusterSpreadsChannels(t *testing.T) {
	t.Parallel()
	c := testenv.StartCluster(t, 3, false)
	cfg := quick(c.Addresses()[:2]...) // the third is found
	alice, bob := begin(t, cfg), begin(t, cfg)
	alice.want(StateOK)
	bob.want(StateOK)
	var ears []*ear
	for i := range 100 {
		ears = append(ears, bob.listen(fmt.Sprint("room", i)))
	}
	for i, e := range ears {
		if n := alice.say(fmt.Sprint("room", i), "x"); n != 1 {
			t.Errorf("%d receivers", n)
		}
		e.wantNext("x")
	}
	used := map[string]int{}
	for _, p := range bob.paths {
		at, _ := p.feed.state()
		used[at]++
	}
	for _, address := range c.Addresses() {
		if n := used[address]; n < 5 || n > 6 {
			t.Errorf("%s has %d of %d buckets", address, n, buckets)
		}
	}
	all := newEar(t)
	all.sub = bob.Foreign().PSubscribe("node*", all.hear)
	all.wait()
	if _, err := alice.Foreign().Publish(t.Context(), "node#", []byte("y")); err != nil {
		t.Fatal(err)
	}
	all.wantNext("y")
	bob.want(StateOK)
}

// slotOf is the slot of a bucket: Redis says it.
func slotOf(server *testenv.Redis, bucket int) int {
	return int(server.Do("CLUSTER", "KEYSLOT", tags[bucket]).(int64))
}

func TestClusterSlotMoves(t *testing.T) {
	t.Parallel()
	c := testenv.StartCluster(t, 3, false)
	cfg := quick(c.Addresses()...)
	alice, bob := begin(t, cfg), begin(t, cfg)
	alice.want(StateOK)
	bob.want(StateOK)
	const bucket = 0
	channel := channelOf(bucket)
	e := bob.listen(channel)
	alice.say(channel, "before")
	e.wantNext("before")

	c.MoveSlot(slotOf(c.Masters[0], bucket), c.Masters[2])
	alice.sayUntilTaken(channel, "meanwhile") // heard or not, but never refused
	for _, u := range []*user{alice, bob} {
		u.until("the bucket has moved", func() bool {
			at, ready := u.paths[bucket].feed.state()
			return ready && at == c.Masters[2].Address() && u.paths[bucket].lane.address() == at
		})
		u.want(StateOK)
	}
	e.wantSoon(alice.sayUntilTaken(channel, "after"))
}

// channelOf is a channel of a bucket.
func channelOf(bucket int) string {
	for i := 0; ; i++ {
		if name := fmt.Sprint("room", i); bucketOf(name) == bucket {
			return name
		}
	}
}

func TestClusterFailover(t *testing.T) {
	t.Parallel()
	c := testenv.StartCluster(t, 3, true)
	cfg := quick(c.Addresses()...)
	alice, bob := begin(t, cfg), begin(t, cfg)
	alice.want(StateOK)
	bob.want(StateOK)
	var ears []*ear
	for i := range buckets {
		ears = append(ears, bob.listen(channelOf(i)))
	}
	c.Masters[1].Kill()
	bob.want(StateDegraded)
	alice.want(StateDegraded)
	bob.want(StateOK)
	alice.want(StateOK)
	for i, e := range ears {
		e.wantSoon(alice.sayUntilTaken(channelOf(i), "after"))
	}
}
