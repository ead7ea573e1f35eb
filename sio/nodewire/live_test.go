package nodewire

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed52a35d2d/realtime-server/internal/testenv"
	"github.com/seed52a35d2d/realtime-server/sio/parser"
)

// patience is how long something may take that a Node process does.
const patience = 20 * time.Second

// happening is something that the Node process tells.
type happening struct {
	What    string            `json:"what"`
	IDs     map[string]string `json:"ids"`
	UID     string            `json:"uid"`
	Channel string            `json:"channel"`
	Body    string            `json:"body"`
	Event   string            `json:"event"`
	Args    json.RawMessage   `json:"args"`
	Value   json.RawMessage   `json:"value"`
	Reason  string            `json:"reason"`
	Error   string            `json:"error"`
}

// node is a Node server with two clients, see test/cluster/live.mjs.
type node struct {
	t         *testing.T
	dialect   string
	classic   ClassicChannels
	sharded   ShardedChannels
	commands  io.Writer
	happened  chan happening
	waiting   []happening // what nobody has asked for yet
	ids       map[string]string
	uid       string
	published map[string]bool // by us, in hexadecimal digits
}

var modeNames = map[Mode]string{Dynamic: "dynamic", DynamicPrivate: "dynamic-private", Static: "static"}

func startNode(t *testing.T, dialect string, mode Mode) *node {
	t.Helper()
	const folder = "../../test/cluster"
	if _, err := os.Stat(folder + "/node_modules"); err != nil {
		t.Fatal("the test needs packages of npm; `make test` installs them")
	}
	cmd := exec.Command("node", "live.mjs", testenv.StartRedis(t).Address(), dialect, modeNames[mode])
	cmd.Dir, cmd.Stderr = folder, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	n := &node{
		t: t, dialect: dialect, commands: input, happened: make(chan happening, 1024), published: map[string]bool{},
		classic: ClassicChannels{DefaultPrefix, "/"}, sharded: ShardedChannels{DefaultPrefix, "/", mode},
	}
	go n.listen(bufio.NewScanner(output))
	t.Cleanup(func() {
		input.Close()
		for range n.happened { // until it has ended
		}
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	ready := n.want("ready", nil)
	n.ids, n.uid = ready.IDs, ready.UID
	for _, room := range []string{"all", "first", "second", "7"} {
		n.subscribed(room)
	}
	return n
}

func (n *node) listen(lines *bufio.Scanner) {
	defer close(n.happened)
	for lines.Scan() {
		var h happening
		if err := json.Unmarshal(lines.Bytes(), &h); err != nil {
			h = happening{What: "failure", Error: lines.Text()}
		}
		n.happened <- h
	}
}

// want waits for something.
func (n *node) want(what string, passes func(h *happening) bool) *happening {
	n.t.Helper()
	is := func(h happening) bool { return h.What == what && (passes == nil || passes(&h)) }
	if i := slices.IndexFunc(n.waiting, is); i >= 0 {
		h := n.waiting[i]
		n.waiting = slices.Delete(n.waiting, i, i+1)
		return &h
	}
	late := time.After(patience)
	for {
		select {
		case h, ok := <-n.happened:
			if !ok || h.What == "failure" {
				n.t.Fatalf("waiting for %q: %s", what, h.Error)
			}
			if is(h) {
				return &h
			}
			n.waiting = append(n.waiting, h)
		case <-late:
			n.t.Fatalf("no %q; there were %+v", what, n.waiting)
		}
	}
}

// do gives the Node process a command.
func (n *node) do(command map[string]any) {
	n.t.Helper()
	line, err := json.Marshal(command)
	if err != nil {
		n.t.Fatal(err)
	}
	if _, err := n.commands.Write(append(line, '\n')); err != nil {
		n.t.Fatal(err)
	}
}

// subscribed waits until the Node server has subscribed to a room, which it does
// some time after somebody has joined.
func (n *node) subscribed(room string) {
	n.t.Helper()
	if channel, ok := n.sharded.Room(room); ok && n.dialect == "sharded" {
		n.do(map[string]any{"do": "subscribed", "channel": channel})
		n.want("result", nil)
	}
}

// say publishes a message of one of our nodes.
func (n *node) say(m Message) {
	n.t.Helper()
	m.UID = UID("t001")
	if m.Namespace == "" {
		m.Namespace = "/"
	}
	channel := n.classic.Publish(&m)
	if n.dialect == "sharded" {
		channel = n.sharded.Publish(&m, n.uid)
	}
	body, err := encode(n.dialect, &m)
	if err != nil {
		n.t.Fatal(err)
	}
	n.published[hex.EncodeToString(body)] = true
	n.do(map[string]any{"do": "publish", "channel": channel, "body": hex.EncodeToString(body)})
}

// hears waits for a message that the Node process has published.
func (n *node) hears(kind Kind) *Message {
	n.t.Helper()
	var m *Message
	n.want("published", func(h *happening) bool {
		if n.published[h.Body] {
			return false
		}
		body, err := hex.DecodeString(h.Body)
		if err != nil {
			n.t.Fatal(err)
		}
		c := captured{channel: h.Channel, body: body}
		if m, err = c.decode(n.dialect); err != nil {
			n.t.Fatal(err)
		}
		return m.Kind == kind
	})
	return m
}

// client waits for an event of a client, which must be the next one.
func (n *node) client(name, event, args string) {
	n.t.Helper()
	h := n.want(name+" heard", nil)
	if h.Event != event || string(h.Args) != args {
		n.t.Errorf("%s heard %s%s, want %s%s", name, h.Event, h.Args, event, args)
	}
}

func event(name string, o Options, args ...parser.Arg) Message {
	return Message{Kind: Broadcast, Name: name, Options: o, Args: args}
}

func text(json string) parser.Arg { return parser.Arg{JSON: []byte(json)} }

var (
	everyone  = Options{Everyone: true}
	someBytes = parser.Arg{Binary: []byte{1, 2}}
)

// live runs a test with a Node server of each dialect.
func live(t *testing.T, test func(n *node)) {
	t.Helper()
	for _, dialect := range []string{"classic", "sharded"} {
		t.Run(dialect, func(t *testing.T) { test(startNode(t, dialect, Dynamic)) })
	}
}

func TestNodeDelivers(t *testing.T) {
	live(t, func(n *node) {
		n.say(event("values", everyone, text(`[null,true,-1,1099511627776,9007199254740991,1.5,"ä🙂\n"]`), text(`{"z":1,"a":{}}`)))
		for _, client := range []string{"first", "second"} {
			n.client(client, "values", `[[null,true,-1,1099511627776,9007199254740991,1.5,"ä🙂\n"],{"z":1,"a":{}}]`)
		}
		inside := parser.Arg{JSON: []byte(`{"in":[` + placeholder + `]}`), Attachments: [][]byte{{3}}}
		n.say(event("bytes", everyone, someBytes, inside, text("2")))
		for _, client := range []string{"first", "second"} {
			n.client(client, "bytes", `[{"$bytes":"0102"},{"in":[{"$bytes":"03"}]},2]`)
		}
		flags := Flags{Volatile: true, Plain: true}
		n.say(event("to one room", Options{Rooms: []string{"first"}, Flags: flags}))
		n.say(event("to a number", Options{Rooms: []string{"7"}}))
		n.say(event("to an id", Options{Rooms: []string{n.ids["second"]}}))
		n.say(event("to nobody", Options{}))
		n.say(event("to all but one", Options{Everyone: true, Except: []string{"second"}}))
		n.say(event("to a union but one", Options{Rooms: []string{"all", "first"}, Except: []string{"first"}}))
		elsewhere := event("elsewhere", everyone)
		elsewhere.Namespace = "/chat"
		n.say(elsewhere)
		n.say(event("last", everyone))
		for _, name := range []string{"to one room", "to a number", "to all but one", "last"} {
			n.client("first", name, "[]")
		}
		for _, name := range []string{"to an id", "to a union but one", "last"} {
			n.client("second", name, "[]")
		}
	})
}

const placeholder = `{"_placeholder":true,"num":0}`

func TestNodeAcknowledges(t *testing.T) {
	live(t, func(n *node) {
		for event, want := range map[string]parser.Arg{"ask": text(`"from second"`), "askBytes": {Binary: []byte{7}}} {
			o := Options{Rooms: []string{"second"}, Flags: Flags{Timeout: patience}}
			n.say(Message{Kind: Broadcast, RequestID: "r-" + event, Name: event, Options: o, Args: []parser.Arg{someBytes}})
			n.client("second", event, `[{"$bytes":"0102"}]`)
			if m := n.hears(AckCount); m.RequestID != "r-"+event || m.Count != 1 {
				n.t.Errorf("got %+v", m)
			}
			m := n.hears(Ack)
			if diff := cmp.Diff([]parser.Arg{want}, m.Args); diff != "" || m.RequestID != "r-"+event {
				n.t.Errorf("request %s, -want +got\n%s", m.RequestID, diff)
			}
		}
	})
}

func TestNodeObeys(t *testing.T) {
	live(t, func(n *node) {
		first := Options{Rooms: []string{"first"}}
		n.say(Message{Kind: Join, Options: first, Rooms: []string{"new", "newer"}})
		n.subscribed("newer")
		n.subscribed("new")
		n.say(event("joined", Options{Rooms: []string{"newer"}}))
		n.client("first", "joined", "[]")
		n.say(Message{Kind: Leave, Options: everyone, Rooms: []string{"newer"}})
		n.say(event("nobody is left", Options{Rooms: []string{"newer"}}))
		n.say(event("still in", Options{Rooms: []string{"new"}}))
		n.client("first", "still in", "[]")
		n.say(Message{Kind: Disconnect, Options: Options{Rooms: []string{"all"}, Except: []string{"first"}}, Close: true})
		if h := n.want("second disconnected", nil); h.Reason != "io server disconnect" && h.Reason != "transport close" {
			n.t.Errorf("second disconnected: %s", h.Reason)
		}
		n.say(event("last", everyone))
		n.client("first", "last", "[]")
	})
}

func TestNodeTellsItsSockets(t *testing.T) {
	live(t, func(n *node) {
		n.say(Message{Kind: Fetch, RequestID: "f1", Options: Options{Rooms: []string{"second"}}})
		m := n.hears(FetchAnswer)
		if m.RequestID != "f1" || len(m.Sockets) != 1 {
			n.t.Fatalf("got %+v", m)
		}
		s := m.Sockets[0]
		rooms := slices.Sorted(slices.Values(s.Rooms))
		if s.ID != n.ids["second"] || !slices.Equal(rooms, slices.Sorted(slices.Values([]string{s.ID, "all", "second"}))) {
			n.t.Errorf("got %s in %q", s.ID, s.Rooms)
		}
		h := s.Handshake
		if h.Address != "127.0.0.1" || h.Secure || h.CrossOrigin || h.Query["EIO"] != "4" || h.Headers["upgrade"] != "websocket" ||
			string(h.Auth) != `{"token":"second"}` || !strings.HasPrefix(h.URL, "/socket.io/?") || h.Issued.Before(time.Unix(1e9, 0)) {
			n.t.Errorf("got %+v", h)
		}
		n.say(Message{Kind: Fetch, RequestID: "f2"}) // nobody
		if m := n.hears(FetchAnswer); m.RequestID != "f2" || len(m.Sockets) != 0 {
			n.t.Errorf("got %+v", m)
		}
	})
}

func TestNodeHearsServers(t *testing.T) {
	live(t, func(n *node) {
		n.say(Message{Kind: ServerSideEmit, Name: "ours", Args: []parser.Arg{text("1"), someBytes}})
		if h := n.want("server heard", nil); string(h.Args) != `[1,{"$bytes":"0102"}]` {
			n.t.Errorf("got %s", h.Args)
		}
		n.say(Message{Kind: ServerSideEmit, RequestID: "s1", Name: "ours", Args: []parser.Arg{text(`{"a":[]}`)}})
		if h := n.want("server heard", nil); string(h.Args) != `[{"a":[]}]` {
			n.t.Errorf("got %s", h.Args)
		}
		if m := n.hears(ServerSideAnswer); m.RequestID != "s1" || len(m.Args) != 1 {
			n.t.Errorf("got %+v", m)
		}
	})
}

func TestNodeAsksForSockets(t *testing.T) {
	live(t, func(n *node) {
		for _, data := range []parser.Arg{text(`{"user":"u","n":9007199254740991}`), {JSON: []byte(`{"b":` + placeholder + `}`), Attachments: [][]byte{{5}}}} {
			n.do(map[string]any{"do": "fetchSockets"})
			asked := n.hears(Fetch)
			if !asked.Options.Everyone || asked.UID != n.uid {
				n.t.Errorf("got %+v", asked)
			}
			issued := time.Date(2026, 11, 22, 19, 11, 44, 5e6, time.UTC)
			n.say(Message{Kind: FetchAnswer, RequestID: asked.RequestID, Sockets: []Socket{{
				ID: "t001ABCDEFGHIJKLMNOP", Rooms: []string{"t001ABCDEFGHIJKLMNOP", "r"}, Data: data,
				Handshake: Handshake{
					Headers: map[string]string{"user-agent": "x", "host": "h"}, Query: map[string]string{"EIO": "4"}, Issued: issued,
					Address: "192.0.2.1", Secure: true, URL: "/socket.io/?EIO=4", Auth: []byte(`{"token":"x"}`),
				},
			}}})
			want := `[{"id":"t001ABCDEFGHIJKLMNOP","handshake":{"headers":{"host":"h","user-agent":"x"},` +
				`"time":"Sun Nov 22 2026 19:11:44 GMT+0000 (Coordinated Universal Time)","address":"192.0.2.1","xdomain":false,"secure":true,` +
				`"issued":1795374704005,"url":"/socket.io/?EIO=4","query":{"EIO":"4"},"auth":{"token":"x"}},` +
				`"rooms":["t001ABCDEFGHIJKLMNOP","r"],"data":` + strings.Replace(string(data.JSON), placeholder, `{"$bytes":"05"}`, 1) + `}]`
			if got := n.want("result", nil).Value; string(got) != want {
				n.t.Errorf("got  %s\nwant %s", got, want)
			}
		}
	})
}

func TestNodeAsksServersAndClients(t *testing.T) {
	live(t, func(n *node) {
		for _, answer := range []parser.Arg{text(`{"a":1}`), someBytes} {
			want := strings.Replace(string(answer.JSON)+`{"$bytes":"0102"}`, `{"a":1}{"$bytes":"0102"}`, `{"a":1}`, 1)
			n.do(map[string]any{"do": "serverSideEmit", "args": []any{"theirs", 1}})
			asked := n.hears(ServerSideEmit)
			n.say(Message{Kind: ServerSideAnswer, RequestID: asked.RequestID, Args: []parser.Arg{answer}})
			if got := n.want("result", nil).Value; string(got) != "["+want+"]" {
				n.t.Errorf("servers: got %s, want [%s]", got, want)
			}
			n.do(map[string]any{"do": "emit", "args": []any{"theirs", 1}})
			asked = n.hears(Broadcast)
			n.say(Message{Kind: AckCount, RequestID: asked.RequestID, Count: 2})
			n.say(Message{Kind: Ack, RequestID: asked.RequestID, Args: []parser.Arg{answer}})
			n.say(Message{Kind: Ack, RequestID: asked.RequestID, Args: []parser.Arg{text("2")}})
			if got := n.want("result", nil).Value; string(got) != "["+want+",2]" {
				n.t.Errorf("clients: got %s, want [%s,2]", got, want)
			}
		}
	})
}

func TestClassicNodeAndRooms(t *testing.T) {
	n := startNode(t, "classic", Dynamic)
	n.say(Message{Kind: AllRooms, RequestID: "a1"})
	m := n.hears(AllRoomsAnswer)
	for _, room := range []string{"all", "first", "second", "7", n.ids["first"]} {
		if !slices.Contains(m.Rooms, room) {
			t.Errorf("no %q among %q", room, m.Rooms)
		}
	}
	n.do(map[string]any{"do": "allRooms"})
	n.say(Message{Kind: AllRoomsAnswer, RequestID: n.hears(AllRooms).RequestID, Rooms: []string{"ours", "all"}})
	if got := n.want("result", nil).Value; !strings.Contains(string(got), `"ours"`) || strings.Count(string(got), `"all"`) != 1 {
		t.Errorf("got %s", got)
	}
	n.say(Message{Kind: SocketIDs, RequestID: "i1", Options: Options{Rooms: []string{"first"}}})
	if m := n.hears(SocketIDsAnswer); len(m.Sockets) != 1 || m.Sockets[0].ID != n.ids["first"] {
		t.Errorf("got %+v", m)
	}
	n.say(Message{Kind: Join, RequestID: "j1", SocketID: n.ids["second"], Rooms: []string{"late"}})
	if m := n.hears(Done); m.RequestID != "j1" {
		t.Errorf("got %+v", m)
	}
	n.say(event("joined", Options{Rooms: []string{"late"}}))
	n.client("second", "joined", "[]")
}

func TestShardedNodeInOtherModes(t *testing.T) {
	for _, mode := range []Mode{DynamicPrivate, Static} {
		t.Run(modeNames[mode], func(t *testing.T) {
			n := startNode(t, "sharded", mode)
			n.subscribed(n.ids["second"])
			n.say(event("to a room", Options{Rooms: []string{"second"}}))
			n.client("second", "to a room", "[]")
			n.say(event("to an id", Options{Rooms: []string{n.ids["second"]}}))
			n.client("second", "to an id", "[]")
			n.say(Message{Kind: Fetch, RequestID: "f", Options: everyone})
			if m := n.hears(FetchAnswer); len(m.Sockets) != 2 {
				t.Errorf("got %+v", m)
			}
		})
	}
}
