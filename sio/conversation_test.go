package sio

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed52a35d2d/realtime-server/sio/siotest"
)

// narrator is a Handler that tells what it is asked, and decides by what the
// client's auth says.
type narrator struct {
	server, chat func(format string, args ...any) // what happens in / and in /chat
	answer       func(format string, args ...any) // what clients acknowledge
	last         *Socket
	gate         chan struct{} // what `slow` clients and events wait for
	acks         *Acks         // of the last question
}

// log is the voice of a socket's namespace.
func (n *narrator) log(s *Socket, format string, args ...any) {
	if s.Namespace().Name() == "/chat" {
		n.chat(format, args...)
		return
	}
	n.server(format, args...)
}

func (n *narrator) Connect(ctx context.Context, s *Socket) (*Welcome, error) {
	n.log(s, "connect %s %s", s.Namespace().Name(), s.Auth())
	if id := s.Recovering(); id != "" {
		n.log(s, "wants to be %s again", id)
	}
	var auth struct {
		User, Refuse, Rooms string
		Lobby               bool
	}
	if err := json.Unmarshal(s.Auth(), &auth); err != nil {
		return nil, err
	}
	switch auth.Refuse {
	case "":
	case "panic":
		panic("told to")
	case "slow":
		select {
		case <-n.gate:
		case <-ctx.Done():
			n.log(s, "gave up: %v", ctx.Err())
			return nil, ctx.Err()
		}
	case "plain":
		return nil, &Refusal{Message: "No"}
	case "close":
		return nil, &Refusal{Message: "Come again", Close: true}
	default:
		return nil, &Refusal{Message: auth.Refuse, Data: []byte(`{"code":"WHY"}`)}
	}
	n.last = s
	if auth.Lobby {
		return &Welcome{Lobby: true, Data: "stranger", Events: []*Event{{Name: "who are you"}}}, nil
	}
	return &Welcome{User: auth.User, Rooms: strings.Fields(auth.Rooms), Events: []*Event{{Name: "welcome"}}}, nil
}

func (n *narrator) Connected(_ context.Context, s *Socket) {
	if s.InLobby() {
		n.log(s, "waits %v %q %v", s.Data(), s.User(), s.Rooms())
		return
	}
	n.log(s, "connected %q %v", s.User(), s.Rooms())
	if s.Recovered() {
		n.log(s, "is %s again", s.ID())
	}
}

func (n *narrator) Event(ctx context.Context, s *Socket, e *ClientEvent) {
	n.log(s, "event %s(%s)", e.Name, describe(e.Args))
	switch e.Name {
	case "enter":
		n.enter(ctx, s, e)
	case "echo":
		_ = e.Ack(e.Args...)
		_ = e.Ack(Arg{JSON: []byte(`"twice"`)})
	case "panic":
		panic("told to")
	case "slow":
		<-n.gate
	case "join":
		if err := s.Join("r1", "r2", "r3", "r4"); err != nil {
			n.log(s, "join: %v", err)
		}
	}
}

// enter lets a client in from the lobby, once the gate is open if it is told to
// wait.
func (n *narrator) enter(ctx context.Context, s *Socket, e *ClientEvent) {
	var w struct {
		User, Rooms string
		Wait, Bad   bool
	}
	_ = json.Unmarshal(e.Args[0].JSON, &w)
	if w.Wait {
		select {
		case <-n.gate:
		case <-ctx.Done():
			n.log(s, "gave up: %v", ctx.Err())
		}
	}
	welcome := &Welcome{User: w.User, Rooms: strings.Fields(w.Rooms), Data: "friend", Events: []*Event{{Name: "come in"}}}
	if w.Bad {
		welcome.Events[0].Name = "connect"
	}
	if err := s.Enter(welcome); err != nil {
		n.log(s, "enter: %v; %v %q %v", err, s.Data(), s.User(), s.Rooms())
		return
	}
	_ = e.Ack(Arg{JSON: []byte(`"in"`)})
	n.log(s, "entered %v %q %v; context %v", s.Data(), s.User(), s.Rooms(), ctx.Err())
}

// describe puts arguments into one line.
func describe(args []Arg) string {
	var words []string
	for _, a := range args {
		switch {
		case a.Binary != nil:
			words = append(words, fmt.Sprintf("bytes %x", a.Binary))
		case a.Attachments != nil:
			words = append(words, fmt.Sprintf("%s with %x", a.JSON, a.Attachments))
		default:
			words = append(words, string(a.JSON))
		}
	}
	return strings.Join(words, "; ")
}

func (n *narrator) Disconnected(_ context.Context, s *Socket, end End) {
	n.log(s, "disconnected %q %v: %s %s", s.User(), s.Rooms(), end.Reason, end.Detail)
}

// do is what the line `server …` of a conversation means here.
func (n *narrator) do(server *Server, line string) error {
	verb, rest, _ := strings.Cut(line, " ")
	hub, _ := server.Namespace("/")
	event := &Event{Name: "news", Args: []Arg{{JSON: []byte(`"hi"`)}}}
	disconnect := Disconnect{Detail: "told to", Last: &Event{Name: "bye"}}
	switch verb {
	case "everyone", "rooms", "users":
		target := Target{Everyone: verb == "everyone", ExceptRooms: []string{"quiet"}}
		switch verb {
		case "rooms":
			target.Rooms = strings.Fields(rest)
		case "users":
			target.Users = strings.Fields(rest)
		}
		d, err := hub.Emit(target, event)
		n.server("matched %d", d.Matched)
		return err
	case "bytes":
		event.Args = []Arg{{Binary: []byte{1, 2}}, {JSON: []byte(`{"a":{"_placeholder":true,"num":0}}`), Attachments: [][]byte{{3}}}}
		_, err := hub.Emit(Target{Everyone: true}, event)
		return err
	case "emit":
		return n.last.Emit(&Event{Name: rest})
	case "glimpse":
		return ignoreClosed(n.last.Emit(&Event{Name: rest, Volatile: true}))
	case "brief":
		return ignoreClosed(n.last.Emit(&Event{Name: rest, Expires: time.Now().Add(time.Second)}))
	case "put":
		return n.last.Join(strings.Fields(rest)...)
	case "take":
		n.last.Leave(strings.Fields(rest)...)
	case "ask", "volatile":
		return n.ask(hub, verb == "volatile", strings.Fields(rest))
	case "listen":
		go n.listen(n.acks)
	case "turn":
		n.acks.Close()
	case "disconnect":
		return n.last.Disconnect(disconnect)
	case "reconnect":
		disconnect.Reconnect = true
		return n.last.Disconnect(disconnect)
	case "release":
		n.gate <- struct{}{}
	case "drain":
		go server.Drain(context.Background(), time.Second)
	case "to":
		team, ok := server.Namespace(rest)
		if !ok {
			n.server("no namespace %s", rest)
			return nil
		}
		d, err := team.Emit(Target{Everyone: true}, event)
		n.server("matched %d in %s of %s", d.Matched, team.Name(), team.Pattern())
		return err
	case "dynamic?":
		server.namespaces.mu.RLock()
		names := slices.Sorted(maps.Keys(server.namespaces.dynamic))
		server.namespaces.mu.RUnlock()
		n.server("dynamic %v", names)
	case "lobby?":
		_, found := hub.Socket(n.last.ID())
		n.server("found %v, join %v, members %d, rooms %v", found, n.last.Join("r"), len(hub.Sockets(Target{Everyone: true})), hub.Rooms())
	case "rooms?":
		n.server("rooms %v", hub.Rooms())
	default:
		return errors.New("unknown verb " + verb)
	}
	return nil
}

// ask has the members of rooms asked, who have some time to answer.
func (n *narrator) ask(hub *Namespace, volatile bool, words []string) error {
	within, err := time.ParseDuration(words[0])
	if err != nil {
		return err
	}
	event := &Event{Name: "well?", Args: []Arg{{JSON: []byte(`1`)}}, Volatile: volatile}
	acks, err := hub.EmitWithAck(Target{Rooms: words[1:]}, event, within)
	if err != nil {
		n.server("not asked: %v", err)
		return nil
	}
	n.acks = acks
	n.server("asked %d", acks.Matched)
	return nil
}

// listen tells what comes of a question.
func (n *narrator) listen(acks *Acks) {
	defer acks.Close()
	for {
		ack, err := acks.Next(context.Background())
		if err != nil {
			n.answer("%v", err)
			return
		}
		n.answer("%s %q (%s)", ack.Outcome, ack.Socket.User(), describe(ack.Args))
	}
}

func TestConversations(t *testing.T) {
	siotest.Play(t, "testdata", buildWorld(func(*Config) {}))
}

func TestConversationsOfProtocol4(t *testing.T) {
	siotest.Play(t, "testdata/protocol4", buildWorld(func(cfg *Config) { cfg.Engine.AllowEIO3 = true }))
}

// TestConversationsWithoutRoot is about a server that does not have the
// namespace "/".
func TestConversationsWithoutRoot(t *testing.T) {
	siotest.Play(t, "testdata/protocol4/rootless", buildWorld(func(cfg *Config) {
		cfg.Engine.AllowEIO3 = true
		cfg.Namespaces = []string{"/chat"}
	}))
}

// TestConversationsOfThoseWhoComeBack is about connection state recovery.
func TestConversationsOfThoseWhoComeBack(t *testing.T) {
	siotest.Play(t, "testdata/recovery", buildWorld(func(cfg *Config) {
		cfg.Engine.AllowEIO3 = true
		cfg.Engine.MaxQueue = 2000
		cfg.Engine.PingInterval = time.Hour
		cfg.Recovery.Enabled = true
		cfg.Namespaces = append(cfg.Namespaces, "/plain")
		cfg.Recovery.Except = []string{"/plain"}
	}))
}

func buildWorld(change func(*Config)) func(*testing.T, siotest.Voice) siotest.World {
	return func(t *testing.T, voice siotest.Voice) siotest.World {
		t.Helper()
		n := &narrator{server: voice("server"), chat: voice("chat"), answer: voice("answer"), gate: make(chan struct{})}
		cfg := DefaultConfig()
		cfg.Namespaces = []string{"/", "/chat", "^/team-[a-z]+$"}
		cfg.MaxNamespaces, cfg.MaxDynamicNamespaces = 3, 2
		cfg.MaxAttachments, cfg.MaxJSONDepth, cfg.MaxEventName = 2, 8, 16
		cfg.MaxRooms = 3
		cfg.MaxInbox = 1000
		cfg.MaxPendingAcks, cfg.MaxAckQueue = 3, 1000
		change(&cfg)
		server, err := New(cfg, n, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
		if err != nil {
			t.Fatal(err)
		}
		mux := http.NewServeMux()
		mux.Handle("/", server)
		mux.Handle(siotest.MsgpackPath, server.Msgpack())
		return siotest.World{
			Handler: mux,
			Server:  func(line string) error { return n.do(server, line) },
			Close:   server.Close,
		}
	}
}
