package service

import (
	"testing"

	"github.com/seed52a35d2d/realtime-server/authn"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// FuzzAskedRooms reads what clients send as `join`: names, each once, and no more
// than they may; or an error that the client is told.
func FuzzAskedRooms(f *testing.F) {
	for _, seed := range []string{``, `null`, `{"rooms":["a","b","a"]}`, `{"rooms":"a"}`, `{"rooms":[1]}`, `{"rooms":["\ud800"]}`, `{"Rooms":["a"]}`} {
		f.Add([]byte(seed))
	}
	const most = 3
	f.Fuzz(func(t *testing.T, payload []byte) {
		rooms, failed := askedRooms(&sio.ClientEvent{Args: []sio.Arg{{JSON: payload}}}, most)
		if (failed == nil) != (len(rooms) > 0) || len(rooms) > most || len(setOf(rooms)) != len(rooms) {
			t.Errorf("%q, %v", rooms, failed)
		}
		if failed != nil && failed.Code != codeInvalidPayload {
			t.Errorf("told %v", failed)
		}
	})
}

// FuzzUserInPattern holds a pattern with a user in it against the name that it
// stands for, whatever the user is called.
func FuzzUserInPattern(f *testing.F) {
	for _, seed := range [][2]string{{"ada", "of-ada!"}, {"a.c", "of-abc!"}, {"a|b", "of-a"}, {`\E.*`, "of-x!"}, {"{user}", "of-{user}!"}, {"", "of-!"}} {
		f.Add(seed[0], seed[1])
	}
	p, err := NewJoinPolicy(JoinConfig{Policy: JoinPatterns, Patterns: []string{`^of-{user}!$`}}.WithDefaults(), false)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, user, room string) {
		if user != "" && authn.CheckName(user) != nil {
			return // nobody is called so
		}
		for _, name := range []string{room, "of-" + user + "!"} {
			want := user != "" && name == "of-"+user+"!"
			if got := len(p.allowed(user, []string{name})) > 0; got != want {
				t.Errorf("user %q, room %q: allowed %v", user, name, got)
			}
		}
	})
}
