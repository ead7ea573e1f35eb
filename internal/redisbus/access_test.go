package redisbus

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed52a35d2d/realtime-server/internal/testenv"
)

func TestACLDeniesPublishing(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t)
	server.Do("ACL", "SETUSER", "mute", "on", ">secret", "&*", "+@all", "-publish")
	cfg := quick(server.Address())
	cfg.Username, cfg.Password = "mute", "secret"
	u := begin(t, cfg)
	e := u.listen("room")
	u.until("it is known", func() bool { return u.Health().Cause == CauseDenied })
	_, err := u.Publish(t.Context(), "room", nil)
	wantClass(t, err, ErrUnavailable, CauseDenied)
	if n := u.log.Count("redis does not work"); n != 1 {
		t.Errorf("that it never worked was logged %d times", n)
	}
	server.Do("PUBLISH", "realtime:room", "x")
	e.wantNext("x")
	server.Do("ACL", "SETUSER", "mute", "+publish")
	u.want(StateOK)
	u.say("room", "y")
	e.wantNext("y")
}

// TestACLDeniesSomeChannels: what is denied is known by name, and the rest
// works all the same.
func TestACLDeniesSomeChannels(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t)
	server.Do("ACL", "SETUSER", "some", "on", ">secret", "resetchannels", "&realtime:*", "+@all", "-role")
	cfg := quick(server.Address())
	cfg.Username, cfg.Password = "some", "secret"
	u := begin(t, cfg)
	u.want(StateOK)
	var ears []*ear
	for _, channel := range []string{"a", "b", "c"} {
		e := newEar(t)
		e.sub = u.Subscribe(channel, e.hear)
		ears = append(ears, e)
	}
	foreign := newEar(t)
	foreign.sub = u.Foreign().PSubscribe("socket.io#*", foreign.hear)
	wantClass(t, foreign.sub.Wait(t.Context()), ErrUnavailable, CauseDenied)
	other := u.Foreign().Subscribe("other", foreign.hear)
	wantClass(t, other.Wait(t.Context()), ErrUnavailable, CauseDenied)
	for i, channel := range []string{"a", "b", "c"} {
		ears[i].wait()
		u.say(channel, "x")
		ears[i].wantNext("x")
	}
	u.until("it is known", func() bool { return u.Health().Cause == CauseDenied })
	if h := u.Health(); !strings.HasSuffix(h.Reason, "redis refuses subscriptions: 2, such as subscribe other") {
		t.Errorf("the reason names nothing that is refused: %s", h.Reason)
	}
	server.Do("ACL", "SETUSER", "some", "&socket.io#*", "&other")
	u.until("it is allowed", func() bool { return foreign.sub.Wait(t.Context()) == nil && other.Wait(t.Context()) == nil })
	u.want(StateOK)
	server.Do("PUBLISH", "socket.io#/#", "z")
	foreign.wantNext("z")
}

// TestPasswordIsRotated: connections that are open outlive the old password,
// new ones need the new one, which is read without a restart.
func TestPasswordIsRotated(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t)
	server.Do("ACL", "SETUSER", "bus", "on", ">old", "&*", "~*", "+@all")
	file := filepath.Join(t.TempDir(), "password")
	write := func(password string) {
		if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("old")
	cfg := quick(server.Address())
	cfg.Username, cfg.PasswordFile = "bus", file
	u := begin(t, cfg)
	u.want(StateOK)
	e := u.listen("room")

	server.Do("ACL", "SETUSER", "bus", "resetpass", ">new")
	u.until("a newcomer is not let in", func() bool { return u.errors(CauseAuth) > 0 })
	u.say("room", "still here")
	e.wantNext("still here")
	if h := u.Health(); h.State != StateOK {
		t.Errorf("health %+v", h)
	}

	server.Do("CLIENT", "KILL", "USER", "bus")
	u.until("nobody is let in", func() bool { return u.Health().Cause == CauseAuth })
	_, err := u.Publish(t.Context(), "room", nil)
	wantClass(t, err, ErrUnavailable, CauseAuth)
	write("new")
	u.want(StateOK)
	u.say("room", "back")
	e.wantNext("back")
	if err := u.Client().Set(t.Context(), "key", "1", 0).Err(); err != nil {
		t.Error(err)
	}
}
