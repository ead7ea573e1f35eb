package registry

import (
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/seed52a35d2d/realtime-server/internal/testenv"
)

// The rules of an ACL user allow messages, but not what the registry needs. It says
// what was refused, before it has joined and later, and when that is over.
func TestTroubleNamesWhatWasRefused(t *testing.T) {
	server := testenv.StartRedis(t)
	rules := func(rules ...any) { server.Do(append([]any{"ACL", "SETUSER", "some"}, rules...)...) }
	rules("on", ">secret", "&*", "~*", "+@all", "-eval")
	client := redis.NewClient(&redis.Options{Addr: server.Address(), Username: "some", Password: "secret", ContextTimeoutEnabled: true})
	t.Cleanup(func() { client.Close() })
	h := newHouse(t, client)
	a := h.prepare("a", Hooks{})
	if why := a.Trouble(); why != "registry: not joined yet" {
		t.Errorf("before it has begun: %q", why)
	}
	if err := a.Start(); err != nil {
		t.Fatal(err)
	}
	wantTrouble := func(words ...string) {
		t.Helper()
		eventually(t, func() bool {
			why := a.Trouble()
			for _, word := range words {
				if !strings.Contains(why, word) {
					return false
				}
			}
			return why != "" || len(words) == 0
		})
	}
	well := func() {
		t.Helper()
		eventually(t, func() bool { return a.Trouble() == "" })
	}
	wantTrouble("join", "NOPERM", "eval")
	rules("+eval")
	well()
	rules("resetkeys", "~*registry*") // a lease, but no connections
	wantTrouble("NOPERM", "a/"+a.member().key.number())
	rules("~*")
	well()

	rules("resetkeys")
	wantTrouble("NOPERM", "{registry}:nodes")
	rules("~*")
	well()
	server.Pause()
	began := time.Now()
	wantTrouble("redis is unavailable")
	if sooner := time.Since(began); sooner < lease/2 {
		t.Errorf("a call without an answer is trouble after %v", sooner)
	}
	server.Resume()
	well()
}
