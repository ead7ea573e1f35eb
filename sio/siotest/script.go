package siotest

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var update = flag.Bool("update", false, "rewrite the conversations in testdata with what the server says now")

// World is what a conversation is held with.
type World struct {
	// Handler is the server's door.
	Handler http.Handler
	// Server does what a line `server …` says.
	Server func(line string) error
	// Close ends the server, with what its clients still have to fetch until
	// ctx ends. Nothing of it may be left.
	Close func(ctx context.Context)
}

// Voice makes the log of one voice on the server's side. What one voice says
// must not depend on luck: things that happen at the same time need voices of
// their own.
type Voice func(name string) func(format string, args ...any)

// Play holds every conversation of a folder and compares what is heard with
// what the files say.
//
// A line at the margin is done; the indented lines below it are what is heard
// before everything is quiet again:
//
//	a ws ?EIO=4&transport=websocket    opens a WebSocket called a; a path may
//	                                   stand before the query
//	a wsz ?…                           the same, and offers compression
//	a get ?…  ·  a post ?… body        makes a request called a
//	a postb ?… 0102                    posts bytes
//	a raw GET …␍␊…                     sends a request as it stands
//	a > 40  ·  a >b 0102  ·  a ping    sends text, bytes, a WebSocket ping
//	a >z 40  ·  a >zb 0102             sends the same, compressed
//	a >m {"type":0,…}                  sends MessagePack; {"$bytes":"0102"} in
//	                                   it is bytes
//	a close  ·  a drop                 sends a close frame; drops the connection
//	+25s                               lets time pass
//	server …                           does something on the server's side
//
// Ids, pids and offsets depend on luck and time; they are written $1, $2, … in
// the order in which they are heard. The record separator is written ␞. Bytes are written in hexadecimal
// digits.
//
// A conversation in which no time passes, and no poll waits, is held once more
// over sockets, where the server reads and writes in other ways. Nobody knows
// there when everything is quiet: what the file says is waited for.
func Play(t *testing.T, folder string, build func(t *testing.T, voice Voice) World) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no conversations in %s: %v", folder, err)
	}
	for _, file := range files {
		script, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { playInMemory(t, file, string(script), build) })
		})
		if !*update && !timed.Match(script) {
			t.Run(name+" over sockets", func(t *testing.T) { playOverSockets(t, string(script), build) })
		}
	}
}

// timed matches scripts in which time passes, or a poll has no answer at once.
var timed = regexp.MustCompile(`(?m)^\+|^\w+ get .*\n(?:\S|\n)`)

func playInMemory(t *testing.T, file, script string, build func(*testing.T, Voice) World) {
	t.Helper()
	p := newPlayer()
	world := build(t, p.logger)
	p.dial, p.world = Serve(t, world.Handler).Dial, world
	got := p.play(t, script, func(int) { synctest.Wait() })
	world.Close(t.Context())
	p.end()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != script {
		t.Errorf("%s went differently (run with -update to rewrite it):\n%s", file, got)
	}
}

func playOverSockets(t *testing.T, script string, build func(*testing.T, Voice) World) {
	t.Helper()
	p := newPlayer()
	world := build(t, p.logger)
	p.dial, p.world = serveSockets(t, world.Handler), world
	got := p.play(t, script, func(lines int) { p.waitFor(t, lines) })
	p.end()
	hurry, cancel := context.WithCancel(t.Context())
	cancel() // or the server would wait for clients that are silent
	world.Close(hurry)
	if got != script {
		t.Errorf("over sockets it went differently:\n%s", got)
	}
}

// play does every line of a script and returns what was heard. settle waits
// until everything is quiet; it is told how many lines should be heard.
func (p *player) play(t *testing.T, script string, settle func(lines int)) string {
	t.Helper()
	var got strings.Builder
	steps := strings.SplitAfter(script, "\n")
	for i, line := range steps {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "    ") || i == len(steps)-1 {
			continue
		}
		fmt.Fprintln(&got, line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := p.do(line); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		settle(indented(steps[i+1:]))
		got.WriteString(p.heard())
	}
	return got.String()
}

// end has all clients leave.
func (p *player) end() {
	for _, c := range p.clients {
		c.end()
	}
}

// indented counts the indented lines that steps begin with.
func indented(steps []string) int {
	for i, line := range steps {
		if !strings.HasPrefix(line, "    ") {
			return i
		}
	}
	return len(steps)
}

// player holds one conversation.
type player struct {
	dial    func() net.Conn
	world   World
	clients map[string]*client
	ids     map[string]string // id → $n

	names []string // who may be heard, in the order of their coming

	mu    sync.Mutex
	lines map[string][]string // what was heard, by name
	count int                 // of the lines
	more  chan struct{}       // there may be more lines
}

func newPlayer() *player {
	return &player{clients: map[string]*client{}, ids: map[string]string{}, lines: map[string][]string{}, more: make(chan struct{}, 1)}
}

// patience is how long what a script says may take.
const patience = 10 * time.Second

// waitFor waits until so many lines are heard.
func (p *player) waitFor(t *testing.T, lines int) {
	t.Helper()
	over := time.After(patience)
	for {
		p.mu.Lock()
		enough := p.count >= lines
		p.mu.Unlock()
		if enough {
			return
		}
		select {
		case <-p.more:
		case <-over:
			t.Errorf("%d lines are not heard; heard:\n%s", lines, p.heard())
			return
		}
	}
}

// do does what a line says.
func (p *player) do(line string) error {
	for id, name := range p.ids {
		line = regexp.MustCompile(regexp.QuoteMeta(name)+`\b`).ReplaceAllLiteralString(line, id)
	}
	if after, ok := strings.CutPrefix(line, "+"); ok {
		d, err := time.ParseDuration(after)
		time.Sleep(d)
		return err
	}
	name, rest, _ := strings.Cut(line, " ")
	if name == "server" {
		return p.world.Server(rest)
	}
	verb, text, _ := strings.Cut(rest, " ")
	switch verb {
	case "ws", "wsz", "get", "post", "postb", "put", "raw":
		if old := p.clients[name]; old != nil {
			return fmt.Errorf("%q is taken", name)
		}
		c := newClient(p.dial(), p.logger(name))
		p.clients[name] = c
		switch verb {
		case "ws":
			c.upgrade(text)
			return nil
		case "wsz":
			c.upgrade(text, deflateOffer)
			return nil
		case "raw":
			c.requestRaw(strings.NewReplacer("␍", "\r", "␊", "\n").Replace(text))
			return nil
		}
		query, body, _ := strings.Cut(text, " ")
		if verb == "postb" {
			return c.postBytes(query, body)
		}
		c.request(strings.ToUpper(verb), query, "text/plain;charset=UTF-8", strings.ReplaceAll(body, "␞", "\x1e"))
		return nil
	default:
		c := p.clients[name]
		if c == nil {
			return fmt.Errorf("nobody is called %q", name)
		}
		return c.send(verb, text)
	}
}

// logger makes the log of one voice.
func (p *player) logger(name string) func(format string, args ...any) {
	p.names = append(p.names, name)
	return func(format string, args ...any) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.lines[name] = append(p.lines[name], fmt.Sprintf(format, args...))
		p.count++
		select {
		case p.more <- struct{}{}:
		default:
		}
	}
}

var idPattern = regexp.MustCompile(`"(?:sid":"([A-Za-z0-9_-]{20})|pid":"([A-Z2-7]{26})|([0-9]{12,13}-[0-9]+))"`)

// heard returns what was logged since the last call, voice by voice.
func (p *player) heard() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all strings.Builder
	for _, name := range p.names {
		for _, line := range p.lines[name] {
			fmt.Fprintf(&all, "    %s %s\n", name, strings.ReplaceAll(line, "\x1e", "␞"))
		}
		p.lines[name] = p.lines[name][:0]
	}
	p.count = 0
	text := all.String()
	for _, match := range idPattern.FindAllStringSubmatch(text, -1) {
		id := match[1] + match[2] + match[3]
		if _, known := p.ids[id]; !known {
			p.ids[id] = fmt.Sprintf("$%d", len(p.ids)+1)
		}
	}
	// An offset may be the beginning of another.
	byLength := func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) }
	for _, id := range slices.SortedFunc(maps.Keys(p.ids), byLength) {
		text = strings.ReplaceAll(text, id, p.ids[id])
	}
	return text
}
