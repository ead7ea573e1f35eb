package redisbus

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestReplies(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ in, want string }{
		{"+OK\r\n", "{err:<nil> num:0 text:OK list:[]}"},
		{":-7\r\n", "{err:<nil> num:-7 text: list:[]}"},
		{"-NOPERM no\r\n", "{err:NOPERM no num:0 text: list:[]}"},
		{"$4\r\na\r\nb\r\n", "{err:<nil> num:0 text:a\r\nb list:[]}"},
		{"$-1\r\n", "{err:<nil> num:0 text: list:[]}"},
		{"*-1\r\n", "{err:<nil> num:0 text: list:[]}"},
		{
			"*2\r\n:1\r\n*1\r\n$1\r\na\r\n",
			"{err:<nil> num:0 text: list:[{err:<nil> num:1 text: list:[]} {err:<nil> num:0 text: list:[{err:<nil> num:0 text:a list:[]}]}]}",
		},
		{"", "EOF"},
		{"+OK\n", "unexpected answer: an incomplete line"},
		{"\r\n", "unexpected answer: an incomplete line"},
		{"$x\r\n", "unexpected answer: no number"},
		{"$-2\r\n", "unexpected answer: a text of length -2"},
		{"$1\r\nabc", "unexpected answer: a text that does not end"},
		{"$99999\r\nabc", "unexpected EOF"},
		{"%1\r\n", `unexpected answer: begins with '%'`},
		{"*65537\r\n", `unexpected answer: begins with '*'`},
		{strings.Repeat("*1\r\n", 9), `unexpected answer: begins with '*'`},
		{"+" + strings.Repeat("x", readBuffer), "unexpected answer: a line without end"},
	} {
		answer, err := newReader(iotest.OneByteReader(strings.NewReader(test.in))).reply()
		got := fmt.Sprintf("%+v", answer)
		if err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%.40q: %s, want %s", test.in, got, test.want)
		}
	}
}

func TestEvents(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ in, want string }{
		{"*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\n\r\n\r\n", `message "" "a" "\r\n"`},
		{"*3\r\n$8\r\nsmessage\r\n$1\r\na\r\n$0\r\n\r\n", `smessage "" "a" ""`},
		{"*4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$1\r\na\r\n$1\r\nx\r\n", `pmessage "*" "a" "x"`},
		{"*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n", `subscribe "" "a" ""`},
		{"*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n", `unsubscribe "" "" ""`},
		{"-ERR max number of clients reached\r\n", "ERR max number of clients reached"},
		{"+OK\r\n", `unexpected answer: begins with '+'`},
		{"*2\r\n$7\r\nmessage\r\n$1\r\na\r\n", `unexpected answer: 2 words that begin with "message"`},
		{"*3\r\n$4\r\nnews\r\n$1\r\na\r\n$1\r\nx\r\n", `unexpected answer: 3 words that begin with "news"`},
		{"*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n$1\r\nx\r\n", "unexpected answer: a confirmation without a count"},
		{"*3\r\n$7\r\nmessage\r\n$65537\r\n", "unexpected answer: a name of length 65537"},
		{"*3\r\n$7\r\nmessage\r\n:1\r\n", "unexpected answer: begins with ':', not with a text"},
	} {
		e, err := newReader(iotest.OneByteReader(strings.NewReader(test.in))).event()
		got := fmt.Sprintf("%s %q %q %q", e.kind, e.pattern, e.channel, e.payload)
		if err = errors.Join(err, e.err); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%q: %s, want %s", test.in, got, test.want)
		}
	}
}

// TestLargeMessagesAreSkipped: what is larger than we take is read past, and
// what follows is understood.
func TestLargeMessagesAreSkipped(t *testing.T) {
	t.Parallel()
	r := newReader(io.MultiReader(
		strings.NewReader(fmt.Sprintf("*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$%d\r\n", maxBulk+1)),
		bytes.NewReader(make([]byte, maxBulk+1)),
		strings.NewReader("\r\n*3\r\n$7\r\nmessage\r\n$1\r\nb\r\n$1\r\nx\r\n"),
	))
	if e, err := r.event(); err != nil || !e.large || e.payload != nil {
		t.Errorf("large: %v, %d bytes, %v", e.large, len(e.payload), err)
	}
	if e, err := r.event(); err != nil || e.large || string(e.channel) != "b" {
		t.Errorf("the next: %q, %v", e.channel, err)
	}
}

// FuzzReader reads bytes as events and as replies, whole and in pieces: both
// ways understand the same, and none takes more than there is.
func FuzzReader(f *testing.F) {
	for _, seed := range []string{
		"*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\n\r\n\r\n-ERR no\r\n", "*4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$1\r\na\r\n$1\r\nx\r\n",
		"*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n", "*2\r\n:1\r\n$-1\r\n", "$67108863\r\nx", "$99999999999\r\nx", "*3\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		whole, pieces := readAll(bytes.NewReader(in)), readAll(iotest.OneByteReader(bytes.NewReader(in)))
		if whole != pieces {
			t.Errorf("whole: %s\nin pieces: %s", whole, pieces)
		}
	})
}

// readAll writes down all events, and then what the same bytes are as replies.
func readAll(in io.Reader) string {
	var said bytes.Buffer
	var story strings.Builder
	events := newReader(io.TeeReader(in, &said))
	for {
		e, err := events.event()
		if err != nil {
			fmt.Fprintln(&story, err)
			break
		}
		fmt.Fprintf(&story, "%s %q %q %q %v %v\n", e.kind, e.pattern, e.channel, e.payload, e.large, e.err)
	}
	_, _ = io.Copy(io.Discard, events.buf)
	replies := newReader(&said)
	for {
		answer, err := replies.reply()
		if err != nil {
			fmt.Fprintln(&story, err)
			return story.String()
		}
		fmt.Fprintf(&story, "%+v\n", answer)
	}
}

// FuzzCommand: what we write is read as what it was.
func FuzzCommand(f *testing.F) {
	f.Add("room", []byte("hello"))
	f.Add("\r\n$1\r\n", []byte("\x00\r\n"))
	f.Fuzz(func(t *testing.T, channel string, payload []byte) {
		command := publishCommand("PUBLISH", channel, payload)
		if want := newCommand("PUBLISH", channel, string(payload)); !bytes.Equal(command, want) {
			t.Errorf("%q, want %q", command, want)
		}
		read, err := newReader(bytes.NewReader(command)).reply()
		if err != nil || len(read.list) != 3 || read.list[1].text != channel || read.list[2].text != string(payload) {
			t.Errorf("%+v, %v", read, err)
		}
	})
}
