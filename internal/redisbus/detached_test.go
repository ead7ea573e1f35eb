package redisbus

import (
	"testing"

	"github.com/seed52a35d2d/realtime-server/internal/testenv"
)

// TestServerThatWasLeftBehind: the name of the master leads elsewhere by now,
// but our connections are still with the old server. It answers everything,
// and nobody else is there.
func TestServerThatWasLeftBehind(t *testing.T) {
	t.Parallel()
	old, master := testenv.StartRedis(t), testenv.StartRedis(t)
	proxy := testenv.StartProxy(t, old.Address())
	bob := begin(t, quick(proxy.Address()))
	bob.want(StateOK)
	e := bob.listen("room")

	proxy.SetTarget(master.Address())
	bob.until("the loss is known", func() bool { return bob.Health().Losses == 1 })
	bob.want(StateOK)
	if n := bob.errors(CauseUnheard); n == 0 {
		t.Error("nothing was unheard")
	}
	alice := begin(t, quick(master.Address()))
	alice.want(StateOK)
	alice.say("room", "found")
	e.wantNext("found")
	bob.say("room", "both ways")
	e.wantNext("both ways")
}

// TestDetachedReplica: our server has become the replica of nobody who can be
// reached. It still takes and hands out messages, and answers PING.
func TestDetachedReplica(t *testing.T) {
	t.Parallel()
	detached, master := testenv.StartRedis(t), testenv.StartRedis(t)
	proxy := testenv.StartProxy(t, detached.Address())
	bob := begin(t, quick(proxy.Address()))
	bob.want(StateOK)
	e := bob.listen("room")

	detached.Do("REPLICAOF", detached.Host, "1") // nobody listens there
	if pong := detached.Do("PING"); pong != "PONG" {
		t.Fatalf("PING: %v", pong)
	}
	bob.want(StateDegraded)
	bob.until("it is known for what it is", func() bool { return bob.errors(CauseReplica) > 0 })
	_, err := bob.Publish(t.Context(), "room", []byte("nobody hears it"))
	if err == nil && bob.Health().State == StateOK {
		t.Error("all is said to be well")
	}
	proxy.SetTarget(master.Address())
	bob.want(StateOK)
	alice := begin(t, quick(master.Address()))
	alice.want(StateOK)
	e.wantSoon(alice.sayUntilTaken("room", "found"))
}

// TestLaneThatWasLeftBehind: only what we publish goes to the old server.
func TestLaneThatWasLeftBehind(t *testing.T) {
	t.Parallel()
	old, master := testenv.StartRedis(t), testenv.StartRedis(t)
	proxy := testenv.StartProxy(t, old.Address())
	bob := begin(t, quick(proxy.Address()))
	bob.want(StateOK)
	e := bob.listen("room")
	proxy.SetTarget(master.Address())
	bob.paths[0].feed.drop(errUnheard) // it finds the new one
	bob.until("the loss is known", func() bool { return bob.Health().Losses > 0 })
	bob.want(StateOK)
	if n := bob.say("room", "found"); n != 1 {
		t.Errorf("%d receivers", n)
	}
	e.wantNext("found")
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		found   findings
		late    int
		cluster bool
		want    verdict
	}{
		{"all is well", findings{}, 0, false, verdict{}},
		{"with a newcomer", findings{tried: true}, 0, false, verdict{}},
		{"newcomers are not let in", findings{tried: true, newcomer: errReplica}, 0, false, verdict{}},
		{"others are elsewhere", findings{tried: true, newcomer: errUnheard}, 0, false, verdict{errUnheard, true, true}},
		{"our server is a replica", findings{lane: errReplica}, 0, false, verdict{errReplica, true, false}},
		{"it does not take it", findings{lane: errProtocol}, 0, false, verdict{errProtocol, false, false}},
		{"unheard", findings{lane: errUnheard}, 0, false, verdict{errUnheard, false, false}},
		{"we are elsewhere", findings{lane: errUnheard, tried: true}, 0, false, verdict{errUnheard, true, false}},
		{
			"the feed is elsewhere",
			findings{lane: errUnheard, tried: true, newcomer: errUnheard},
			0, false,
			verdict{errUnheard, true, true},
		},
		{
			"nobody is let in",
			findings{lane: errUnheard, tried: true, newcomer: errReplica},
			0, false,
			verdict{errUnheard, true, true},
		},
		{"in a Cluster", findings{lane: errUnheard}, 0, true, verdict{errUnheard, true, true}},
		{"late", findings{lane: errUnheard, busy: true}, 0, false, verdict{errLate, false, false}},
		{"late again", findings{lane: errUnheard, busy: true}, maxLate - 1, false, verdict{errLate, false, false}},
		{"late for too long", findings{lane: errUnheard, busy: true}, maxLate, true, verdict{errUnheard, true, true}},
	} {
		if got := test.found.judge(test.late, test.cluster); got != test.want {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
		}
	}
}
