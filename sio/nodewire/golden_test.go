package nodewire

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/seed52a35d2d/realtime-server/sio/parser"
)

var update = flag.Bool("update", false, "write what captured messages are read as")

// captured is a message that a Node process has published.
type captured struct {
	title   string
	channel string
	body    []byte
}

// capture reads a file that test/cluster/capture.mjs has made.
func capture(tb testing.TB, name string) (found []captured) {
	tb.Helper()
	file, err := os.ReadFile("testdata/" + name)
	if err != nil {
		tb.Fatal(err)
	}
	title := ""
	for line := range strings.Lines(string(file)) {
		line = strings.TrimSuffix(line, "\n")
		if after, ok := strings.CutPrefix(line, "> "); ok {
			title = after
			continue
		}
		quoted, err := strconv.QuotedPrefix(line)
		if err != nil {
			continue // an empty line, or a comment
		}
		channel, err := strconv.Unquote(quoted)
		if err != nil {
			tb.Fatal(err)
		}
		body := []byte(strings.TrimPrefix(line, quoted+" "))
		if body[0] != '{' {
			if body, err = hex.DecodeString(string(body)); err != nil {
				tb.Fatal(err)
			}
		}
		found = append(found, captured{title, channel, body})
	}
	return found
}

// of is what the name of the channel has behind the prefix.
func (c *captured) of() string {
	return strings.TrimPrefix(c.channel[:strings.Index(c.channel, "#")], DefaultPrefix)
}

// decode reads a message as the server that has subscribed to its channel does.
func (c *captured) decode(dialect string) (*Message, error) {
	switch of := c.of(); {
	case dialect == "sharded":
		return DecodeSharded(c.body, DefaultLimits())
	case of == "-request":
		return DecodeClassicRequest(c.body, DefaultLimits())
	case of == "-response":
		return DecodeClassicResponse(c.body, DefaultLimits())
	default:
		return DecodeClassicBroadcast(c.body, DefaultLimits())
	}
}

// encode writes a message in a dialect.
func encode(dialect string, m *Message) ([]byte, error) {
	if dialect == "sharded" {
		return AppendSharded(nil, m)
	}
	return AppendClassic(nil, m)
}

// same is how messages are compared: what nil says, an empty list says.
var same = cmp.Options{cmpopts.EquateEmpty()}

// TestCaptured reads what Node's servers have said to each other. Run it with
// -update to write the .golden files, and review the difference.
func TestCaptured(t *testing.T) {
	for _, dialect := range []string{"classic", "sharded"} {
		t.Run(dialect, func(t *testing.T) {
			got := &strings.Builder{}
			title := ""
			for _, c := range capture(t, dialect+".txt") {
				if c.title != title {
					title = c.title
					fmt.Fprintf(got, "\n> %s\n", title)
				}
				m, err := c.decode(dialect)
				if err != nil {
					t.Fatalf("%s: %v", c.title, err)
				}
				describe(got, m)
				comesBack(t, dialect, &c, m)
			}
			golden := "testdata/" + dialect + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got.String()), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got.String(), "\n")); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// comesBack writes a message that was read, and reads it again.
func comesBack(t *testing.T, dialect string, c *captured, m *Message) {
	t.Helper()
	body, err := encode(dialect, m)
	if err != nil {
		t.Fatalf("%s: %v", c.title, err)
	}
	if isJSON := c.body[0] == '{'; isJSON != (body[0] == '{') {
		t.Errorf("%s: ours is in the other encoding", c.title)
	}
	again := captured{channel: c.channel, body: body}
	back, err := again.decode(dialect)
	if err != nil {
		t.Fatalf("%s: %s: %v", c.title, body, err)
	}
	if diff := cmp.Diff(m, back, same); diff != "" {
		t.Errorf("%s: -before +after\n%s", c.title, diff)
	}
}

// TestCapturedBytes writes some messages byte for byte as Node does.
func TestCapturedBytes(t *testing.T) {
	// Not those for which several spellings are right: Node puts uid and nsp
	// last in the sharded dialect, the emitter puts flags before except, and
	// numbers as the names of rooms or events become strings.
	want := []string{
		"io.emit", "io.emit without arguments", `io.of("/chat").emit`, `io.to("r1").emit`, `io.to("ä#b").emit`, "io.to(undefined).emit",
		`io.to(["r1", "r2"]).except("r3").volatile.compress(false).emit`, "bytes", "io.allRooms",
		"io.timeout(1000).emit with an acknowledgement", `io.to("r1").timeout(900).emit with bytes and an acknowledgement`,
		`io.in("r1").socketsJoin(["n1", "n2"])`, `io.except("r3").socketsLeave("n1")`, `io.in("nobody").except("r1").fetchSockets`,
		"io.serverSideEmit", "io.serverSideEmit with an acknowledgement", "io.disconnectSockets(true)",
		`emitter.in("r1").socketsJoin("n1")`, "emitter.serverSideEmit",
		"7.2: adapter.sockets", "7.2: adapter.remoteJoin", "7.2: adapter.remoteLeave", "7.2: adapter.remoteDisconnect",
	}
	done := map[string]bool{}
	for _, c := range capture(t, "classic.txt") {
		if !slices.Contains(want, c.title) {
			continue
		}
		done[c.title] = true
		m, err := c.decode("classic")
		if err != nil {
			t.Fatal(err)
		}
		if m.Kind == FetchAnswer && c.title == "7.2: adapter.sockets" {
			m.Kind = SocketIDsAnswer
		}
		got, err := AppendClassic(nil, m)
		if err != nil || !bytes.Equal(got, c.body) {
			t.Errorf("%s: %v\ngot  %x\nwant %x\n%s", c.title, err, got, c.body, got)
		}
	}
	if len(done) != len(want) {
		t.Errorf("the capture has only %s", slices.Sorted(maps.Keys(done)))
	}
}

// describe writes a message for people.
func describe(w *strings.Builder, m *Message) {
	fmt.Fprintf(w, "%s", m.Kind)
	word := func(name string, set bool, value any) {
		if set {
			fmt.Fprintf(w, " %s=%v", name, value)
		}
	}
	word("uid", m.UID != "", m.UID)
	word("namespace", m.Namespace != "", m.Namespace)
	word("request", m.RequestID != "", m.RequestID)
	word("socket", m.SocketID != "", m.SocketID)
	o := m.Options
	word("everyone", o.Everyone, o.Everyone)
	word("to", o.Rooms != nil, fmt.Sprintf("%q", o.Rooms))
	word("except", o.Except != nil, fmt.Sprintf("%q", o.Except))
	word("flags", o.Flags != Flags{}, fmt.Sprintf("%+v", o.Flags))
	word("rooms", m.Rooms != nil, fmt.Sprintf("%q", m.Rooms))
	word("close", m.Close, m.Close)
	word("count", m.Kind == AckCount, m.Count)
	word("name", m.Kind.event(), strconv.Quote(m.Name))
	fmt.Fprintln(w)
	for _, arg := range m.Args {
		fmt.Fprintf(w, "  %s\n", spell(arg))
	}
	for i := range m.Sockets {
		describeSocket(w, &m.Sockets[i])
	}
}

func describeSocket(w *strings.Builder, s *Socket) {
	fmt.Fprintf(w, "  socket %q rooms=%q data=%s\n", s.ID, s.Rooms, spell(s.Data))
	if h := s.Handshake; h.URL != "" {
		fmt.Fprintf(w, "    url=%s issued=%d address=%s cross-origin=%t secure=%t\n", h.URL, h.Issued.UnixMilli(), h.Address, h.CrossOrigin, h.Secure)
		fmt.Fprintf(w, "    headers=%q query=%q auth=%s\n", h.Headers, h.Query, h.Auth)
	}
}

func spell(arg parser.Arg) string {
	if arg.Binary != nil {
		return fmt.Sprintf("bytes %x", arg.Binary)
	}
	text := string(arg.JSON)
	for _, bytes := range arg.Attachments {
		text += fmt.Sprintf(" %x", bytes)
	}
	return text
}
