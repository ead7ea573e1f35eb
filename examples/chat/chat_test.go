// Package chat_test drives the chat through its two backends: a real
// realtime-server, a real backend, and stock Socket.IO clients.
package chat_test

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// patience is how long a whole conversation may take.
const patience = time.Minute

func TestChat(t *testing.T) {
	if _, err := exec.LookPath("node"); err != nil {
		t.Fatal("the clients need node")
	}
	if _, err := os.Stat("node_modules"); err != nil {
		t.Fatal("the clients need `npm ci` in examples/chat; `make test` does it")
	}
	server := serverBinary(t)
	backends := map[string][]string{
		"go":   {build(t, "./go")},
		"node": {"node", "node/server.mjs"},
	}
	for name, backend := range backends {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			t.Cleanup(cancel)
			address := freeAddress(t)
			http, grpc := startServer(ctx, t, server, "--backend", address)
			startBackend(ctx, t, "listening", backend, "--listen", address, "--realtime", grpc)
			converse(func(name string) *person { return connect(ctx, t, "http://"+http, name) })
		})
		t.Run(name+" dials out", func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			t.Cleanup(cancel)
			http, grpc := startServer(ctx, t, server, "--set", "backend.attach=chat")
			startBackend(ctx, t, "attached", backend, "--attach", "chat", "--realtime", grpc)
			converse(func(name string) *person { return connect(ctx, t, "http://"+http, name) })
		})
	}
}

// object is a JSON object.
type object = map[string]any

var ok = object{"ok": true}

func refusal(code, reason string) object {
	return object{"error": object{"code": code, "reason": reason}}
}

// converse is what happens in the chat, in order.
func converse(connect func(name string) *person) {
	mallory := connect("mallory")
	mallory.want("connect_error", object{"message": "Unknown token", "data": object{
		"code": "BAD_TOKEN", "reason": "Unknown token", "temporary": false, "hint": "try alice-token or bob-token",
	}})

	alice := connect("alice")
	alice.want("connect")
	alice.want("history", []any{})
	hello := alice.says("lobby", "hello?")

	bob := connect("bob")
	bob.want("connect")
	bob.want("history", []any{hello})
	alice.want("message", bob.says("lobby", "hello!"))

	alice.emit("message", object{"room": "go", "text": "psst"})
	alice.want("ack", refusal("NOT_IN_ROOM", "Enter the room first"))
	alice.emit("room:enter", object{"room": "go"})
	alice.want("ack", ok)
	alice.says("go", "nobody here")
	bob.emit("room:enter", object{"room": "go"})
	bob.want("ack", ok)
	bob.want("message", alice.says("go", "at last"))

	const badRoom = "The argument is {room}, a name of 1 to 32 bytes"
	const badMessage = "The argument is {room, text}, a text of 1 to 1000 bytes"
	for _, test := range []struct {
		event string
		args  []any
		want  object
	}{
		{"room:enter", nil, refusal("BAD_ROOM", badRoom)},
		{"room:enter", []any{nil}, refusal("BAD_ROOM", badRoom)},
		{"room:enter", []any{"go"}, refusal("BAD_ROOM", badRoom)},
		{"room:enter", []any{object{"room": ""}}, refusal("BAD_ROOM", badRoom)},
		{"room:enter", []any{object{"room": "a room with far too long a name for us"}}, refusal("BAD_ROOM", badRoom)},
		{"message", []any{object{"text": "hi"}}, refusal("BAD_MESSAGE", badMessage)},
		{"message", []any{object{"room": "lobby", "text": 1}}, refusal("BAD_MESSAGE", badMessage)},
		{"dance", nil, refusal("UNKNOWN_EVENT", "No such event")},
	} {
		bob.emit(test.event, test.args...)
		bob.want("ack", test.want)
	}

	alice.leave()
	bob.want("left", object{"user": "alice"})
}

// person is a client of the chat: a process that runs testdata/client.mjs.
type person struct {
	t        *testing.T
	name     string
	commands io.WriteCloser
	input    *json.Encoder
	output   *json.Decoder
}

// happening is one line of testdata/client.mjs.
type happening struct {
	Event string `json:"event"`
	Args  []any  `json:"args"`
}

func connect(ctx context.Context, t *testing.T, url, name string) *person {
	t.Helper()
	cmd := command(ctx, "node", "testdata/client.mjs", url, name+"-token")
	commands, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	reports, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	launch(t, cmd, func(string) {})
	return &person{
		t: t, name: name,
		commands: commands, input: json.NewEncoder(commands), output: json.NewDecoder(reports),
	}
}

// emit emits an event; its acknowledgement arrives as an event "ack".
func (p *person) emit(event string, args ...any) {
	p.t.Helper()
	if args == nil {
		args = []any{} // the client spreads a list
	}
	if err := p.input.Encode(happening{event, args}); err != nil {
		p.t.Fatal(err)
	}
}

// next is what happens next, which must be the event.
func (p *person) next(event string) []any {
	p.t.Helper()
	var got happening
	if err := p.output.Decode(&got); err != nil {
		p.t.Fatalf("waiting for %s: %v", event, err)
	}
	if got.Event != event {
		p.t.Fatalf("got %s %v, want %s", got.Event, got.Args, event)
	}
	return got.Args
}

func (p *person) want(event string, args ...any) {
	p.t.Helper()
	if args == nil {
		args = []any{}
	}
	if diff := cmp.Diff(args, p.next(event)); diff != "" {
		p.t.Fatalf("%s (-want +got):\n%s", event, diff)
	}
}

// says sends a text to a room, sees it arrive there, and returns the message.
func (p *person) says(room, text string) object {
	p.t.Helper()
	p.emit("message", object{"room": room, "text": text})
	message := p.next("message")[0].(object)
	p.want("ack", object{"ok": true, "id": message["id"]})
	if message["room"] != room || message["from"] != p.name || message["text"] != text {
		p.t.Fatalf("%q of %s came back as %v", text, p.name, message)
	}
	return message
}

// leave disconnects.
func (p *person) leave() {
	p.t.Helper()
	if err := p.commands.Close(); err != nil {
		p.t.Fatal(err)
	}
}
