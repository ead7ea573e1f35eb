package nodewire

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/seed52a35d2d/realtime-server/sio/parser"
)

func TestAppendRefuses(t *testing.T) {
	elevenBytes := make([]parser.Arg, 11)
	for i := range elevenBytes {
		elevenBytes[i].Binary = []byte{1}
	}
	for _, test := range []struct {
		name, dialect string
		m             Message
		want          error
	}{
		{"no kind", "classic", Message{}, ErrKind},
		{"no kind", "sharded", Message{}, ErrKind},
		{"a kind of the other dialect", "classic", Message{Kind: Closed}, ErrKind},
		{"a kind of the other dialect", "sharded", Message{Kind: AllRooms}, ErrKind},
		{"a kind of the other dialect", "sharded", Message{Kind: Done, RequestID: "q"}, ErrKind},
		{"one socket", "sharded", Message{Kind: Join, SocketID: "x", Rooms: []string{"r"}}, ErrKind},
		{"one socket and two rooms", "classic", Message{Kind: Join, SocketID: "x", Rooms: []string{"r", "s"}}, ErrKind},
		{"more bytes than clients take", "classic", event("e", everyone, elevenBytes...), ErrLimit},
		{"more bytes than clients take", "sharded", event("e", everyone, elevenBytes...), ErrLimit},
	} {
		if got, err := encode(test.dialect, &test.m); !errors.Is(err, test.want) {
			t.Errorf("%s: %q, %v, want %v", test.name, got, err, test.want)
		}
	}
	for _, dialect := range []string{"classic", "sharded"} {
		for _, args := range [][]parser.Arg{{text("1"), text("{")}, {someBytes, text(placeholder)}, {text("1"), {}}} {
			m := event("e", everyone, args...)
			_, err := encode(dialect, &m)
			if bad, ok := errors.AsType[*parser.ArgError](err); !ok || bad.Index != 1 {
				t.Errorf("%s: %q: %v", dialect, args, err)
			}
		}
	}
}

// TestAppendAuth puts something that looks like the place of bytes beside the
// bytes of another socket.
func TestAppendAuth(t *testing.T) {
	evil := Handshake{Auth: []byte(`{"a":` + placeholder + `}`)}
	m := &Message{Kind: FetchAnswer, RequestID: "q", Sockets: []Socket{{ID: "a", Handshake: evil}, {ID: "b", Data: someBytes}}}
	body, err := AppendClassic(nil, m)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeClassicResponse(body, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	if auth := got.Sockets[0].Handshake.Auth; string(auth) != "{}" || string(got.Sockets[1].Data.Binary) != "\x01\x02" {
		t.Errorf("got %s and %+v", auth, got.Sockets[1].Data)
	}
	m.Sockets = m.Sockets[:1]
	body, err = AppendClassic(nil, m)
	if err != nil || !json.Valid(body) {
		t.Fatalf("%s: %v", body, err)
	}
	if got, err = DecodeClassicResponse(body, DefaultLimits()); err != nil || string(got.Sockets[0].Handshake.Auth) != string(evil.Auth) {
		t.Errorf("without bytes: got %+v, %v", got, err)
	}
}

// TestAppendTargets writes the names of rooms that are numbers for some.
func TestAppendTargets(t *testing.T) {
	o := Options{Rooms: []string{"7", "-3", "07", "1e3", "9007199254740993", "x"}, Except: []string{"8"}}
	got, err := AppendClassic(nil, &Message{Kind: Fetch, RequestID: "q", Options: o})
	want := `{"requestId":"q","type":5,"opts":{"rooms":["7",7,"-3",-3,"07","1e3","9007199254740993","x"],"except":["8",8]}}`
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}

func TestAppendTo(t *testing.T) {
	m := Message{Kind: AllRooms, RequestID: "q"}
	got, err := AppendClassic([]byte("before"), &m)
	if err != nil || string(got) != `before{"requestId":"q","type":1}` {
		t.Errorf("got %s, %v", got, err)
	}
}

func BenchmarkClassicBroadcast(b *testing.B) {
	m := event("message", Options{Rooms: []string{"room"}}, text(`{"id":12345,"text":"What a nice day it is","tags":["a","b"],"at":"2026-11-22T19:11:44.000Z"}`))
	m.UID, m.Namespace = UID("t001"), "/"
	body, err := AppendClassic(nil, &m)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := AppendClassic(nil, &m); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := DecodeClassicBroadcast(body, DefaultLimits()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("from us", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if !FromUs(body) {
				b.Fatal("is not from us")
			}
		}
	})
}
