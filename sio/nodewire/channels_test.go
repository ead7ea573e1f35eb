package nodewire

import (
	"path"
	"testing"
)

func TestClassicChannels(t *testing.T) {
	c := ClassicChannels{Prefix: "socket.io", Namespace: "/chat"}
	for got, want := range map[string]string{
		c.Pattern():           "socket.io#/chat#*",
		c.Requests():          "socket.io-request#/chat#",
		c.Responses():         "socket.io-response#/chat#",
		c.ResponsesTo("abcd"): "socket.io-response#/chat#abcd#",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	for _, test := range []struct {
		m    Message
		want string
	}{
		{Message{Kind: Broadcast, Options: Options{Everyone: true}}, "socket.io#/chat#"},
		{Message{Kind: Broadcast, Options: Options{Rooms: []string{"a#b"}}}, "socket.io#/chat#a#b#"},
		{Message{Kind: Broadcast, Options: Options{Rooms: []string{"a", "b"}}}, "socket.io#/chat#"},
		{Message{Kind: Broadcast, RequestID: "q", Options: Options{Rooms: []string{"a"}}}, "socket.io-request#/chat#"},
		{Message{Kind: Join, Options: Options{Rooms: []string{"a"}}}, "socket.io-request#/chat#"},
		{Message{Kind: ServerSideEmit, RequestID: "q"}, "socket.io-request#/chat#"},
		{Message{Kind: AllRooms, RequestID: "q"}, "socket.io-request#/chat#"},
		{Message{Kind: ServerSideAnswer, RequestID: "q"}, "socket.io-response#/chat#"},
		{Message{Kind: Done, RequestID: "q"}, "socket.io-response#/chat#"},
	} {
		if got := c.Publish(&test.m); got != test.want {
			t.Errorf("%s: got %s, want %s", test.m.Kind, got, test.want)
		}
	}
}

func TestClassicRoom(t *testing.T) {
	c := ClassicChannels{Prefix: "socket.io", Namespace: "/"}
	for channel, want := range map[string]struct {
		room string
		ok   bool
	}{
		"socket.io#/#":       {"", true},
		"socket.io#/##":      {"", true}, // of the room "", which Node does not tell from none
		"socket.io#/#7#":     {"7", true},
		"socket.io#/#a#b#":   {"a#b", true},
		"socket.io#/#a":      {"a", false},
		"socket.io#/chat#a#": {"", false},
		"other#/#a#":         {"", false},
		"":                   {"", false},
	} {
		if room, ok := c.Room(channel); ok != want.ok || ok && room != want.room {
			t.Errorf("%s: got %q, %t", channel, room, ok)
		}
	}
}

// TestPattern holds patterns against the rules of path.Match, which are those of
// Redis where there is no "/".
func TestPattern(t *testing.T) {
	const strange = `*?[a-z]\]^`
	c := ClassicChannels{Prefix: strange, Namespace: strange}
	if ok, err := path.Match(c.Pattern(), c.Publish(&Message{Kind: Broadcast, Options: Options{Rooms: []string{"r"}}})); err != nil || !ok {
		t.Errorf("%s does not match its own: %v", c.Pattern(), err)
	}
	if ok, err := path.Match(c.Pattern(), `xxxa\]^#*?[a-z]\]^#`); err != nil || ok {
		t.Errorf("%s matches others': %v", c.Pattern(), err)
	}
}

func TestShardedChannels(t *testing.T) {
	type channels = ShardedChannels
	const (
		id     = "exactly twenty chars"
		emojis = "🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂" // twenty for JavaScript
		twenty = "ääääääääääääääääääää"
	)
	in := func(mode Mode) channels { return channels{"socket.io", "/chat", mode} }
	for _, test := range []struct {
		channels channels
		room     string
		want     string // "" is none of its own
	}{
		{in(Dynamic), "r", "socket.io#/chat#r#"},
		{in(Dynamic), id, ""},
		{in(Dynamic), emojis, ""},
		{in(Dynamic), twenty, ""},
		{in(Dynamic), emojis + "x", "socket.io#/chat#" + emojis + "x#"},
		{in(DynamicPrivate), id, "socket.io#/chat#" + id + "#"},
		{in(Static), "r", ""},
	} {
		got, ok := test.channels.Room(test.room)
		if got != test.want || ok != (test.want != "") {
			t.Errorf("%s in mode %d: got %q, %t", test.room, test.channels.Mode, got, ok)
		}
		want := test.want
		if want == "" {
			want = test.channels.All()
		}
		m := Message{Kind: Broadcast, Options: Options{Rooms: []string{test.room}}}
		if got := test.channels.Publish(&m, ""); got != want {
			t.Errorf("a broadcast to %s in mode %d goes to %s", test.room, test.channels.Mode, got)
		}
		m.RequestID = "q"
		if got := test.channels.Publish(&m, ""); got != test.channels.All() {
			t.Errorf("a broadcast with acknowledgements goes to %s", got)
		}
	}
	c := in(Dynamic)
	if got := c.Publish(&Message{Kind: FetchAnswer}, "abcd"); got != c.To("abcd") || got != "socket.io#/chat#abcd#" {
		t.Errorf("an answer goes to %s", got)
	}
	if got := c.Publish(&Message{Kind: Join, Options: Options{Rooms: []string{"r"}}}, ""); got != "socket.io#/chat#" {
		t.Errorf("a request goes to %s", got)
	}
}

func TestOurs(t *testing.T) {
	if uid := UID("t001"); !Ours(uid) || Ours(EmitterUID) || Ours("N6M2dS") || Ours("0293f76164e0eaef") {
		t.Errorf("ours is %q", uid)
	}
	for _, dialect := range []string{"classic", "sharded"} {
		for _, c := range capture(t, dialect+".txt") {
			if FromUs(c.body) {
				t.Errorf("%s: is not from us", c.title)
			}
		}
	}
	for _, msg := range []string{"", "\x93", "\x93\xa7", "\x93\xa7rt", "\x81", "\x81\xa3uid", "\x81\xa3uid\xa7", `{"uid":"`, "\x93\xd9\x07rt:t001", `{"uid":"x","rt:":1}`} {
		if FromUs([]byte(msg)) {
			t.Errorf("%q is not from us", msg)
		}
	}
}
