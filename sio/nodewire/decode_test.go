package nodewire

import (
	"encoding/hex"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed52a35d2d/realtime-server/sio/parser"
)

// pack makes MessagePack of JSON: tests are easier to read so.
func pack(json string) []byte { return parser.ToMsgpack(nil, []byte(json), nil) }

func unhex(digits string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

type decoder func([]byte, Limits) (*Message, error)

// What captured messages do not show, because today's servers do not write it.
func TestDecode(t *testing.T) {
	hi := Message{Kind: Broadcast, UID: "u", Namespace: "/", Options: Options{Everyone: true}, Name: "hi"}
	with := func(change func(m *Message)) Message {
		m := hi
		change(&m)
		return m
	}
	for _, test := range []struct {
		name   string
		decode decoder
		in     []byte
		want   Message
	}{
		{
			"no namespace, no lists", DecodeClassicBroadcast,
			pack(`["u",{"type":2,"data":["hi"]},{}]`), hi,
		},
		{
			"version 2 says BINARY_EVENT", DecodeClassicBroadcast,
			unhex("93 a175 83 a474797065 05 a464617461 92 a26869 c40107 a36e7370 a12f 80"),
			with(func(m *Message) { m.Args = []parser.Arg{{Binary: []byte{7}}} }),
		},
		{
			"undefined, as notepack 2 has it", DecodeClassicBroadcast,
			unhex("93 a175 82 a474797065 02 a464617461 93 a26869 d40000 82 a161 d40000 a162 01 80"),
			with(func(m *Message) { m.Args = []parser.Arg{text("null"), text(`{"b":1}`)} }),
		},
		{
			"integers of 64 bits", DecodeClassicBroadcast,
			unhex("93 a175 82 a474797065 02 a464617461 93 a26869 cf0020000000000001 d38000000000000000 80"),
			with(func(m *Message) {
				m.Args = []parser.Arg{text("9007199254740993"), text("-9223372036854775808")}
			}),
		},
		{
			"null for what is missing", DecodeClassicBroadcast,
			pack(`[null,{"type":2,"data":["hi"],"nsp":null},{"rooms":null,"except":null,"flags":null}]`),
			with(func(m *Message) { m.UID = "" }),
		},
		{
			"names that are none", DecodeClassicBroadcast,
			pack(`["u",{"type":2,"data":["hi"]},{"rooms":[null,true,{"a":1},["b"]],"except":[null,"x",7,"7",-1,1.5]}]`),
			with(func(m *Message) { m.Options = Options{Except: []string{"x", "7", "-1", "1.5"}} }),
		},
		{
			"strange flags", DecodeClassicBroadcast,
			pack(`["u",{"type":2,"data":["hi"]},{"flags":{"volatile":1,"compress":"","local":0,"timeout":1.5,"broadcast":true,"binary":{"a":[]}}}]`),
			with(func(m *Message) {
				m.Options.Flags = Flags{Volatile: true, Plain: true, Timeout: 2 * time.Millisecond}
			}),
		},
		{
			"a delay that no timer takes", DecodeClassicBroadcast,
			pack(`["u",{"type":2,"data":["hi"]},{"flags":{"timeout":1e300}}]`),
			with(func(m *Message) { m.Options.Flags = Flags{Timeout: maxTimeout} }),
		},
		{
			"delays that are none", DecodeClassicBroadcast,
			pack(`["u",{"type":2,"data":["hi"]},{"flags":{"timeout":-1}}]`), hi,
		},
		{
			"keys that only look like those we know", DecodeSharded,
			[]byte(`{"TYPE":4,"type":3,"uid":"u","nsp":"/","data":{"packet":{"type":2,"data":["hi"]},"opts":{"Rooms":["r"]}}}`), hi,
		},
		{
			"the last of repeated keys, and escaped ones", DecodeSharded,
			[]byte(`{"type":4,"data":{},"ty\u0070e":3,"uid":"u","nsp":"/","data":{"packet":{"type":2,"data":["hi"]},"opts":{}}}`), hi,
		},
		{
			"bytes that are not UTF-8", DecodeSharded,
			[]byte("{\"type\":3,\"uid\":\"u\",\"nsp\":\"/\",\"data\":{\"packet\":{\"type\":2,\"data\":[\"hi\",\"\xff\"]},\"opts\":{}}}"),
			with(func(m *Message) { m.Args = []parser.Arg{text(`"` + "\uFFFD" + `"`)} }),
		},
		{
			"a request with an acknowledgement in JSON", DecodeClassicRequest,
			[]byte(`{"type":7,"uid":"u","requestId":"q","packet":{"type":2,"data":["hi"],"nsp":"/"},"opts":{"rooms":[],"except":[]}}`),
			with(func(m *Message) { m.RequestID = "q" }),
		},
		{
			"an unfinished request reaches nobody", DecodeClassicRequest,
			[]byte(`{"type":4,"close":true}`),
			Message{Kind: Disconnect, Close: true},
		},
		{
			"an answer without an argument", DecodeClassicResponse,
			[]byte(`{"type":6,"requestId":"q"}`),
			Message{Kind: ServerSideAnswer, RequestID: "q"},
		},
		{
			"the answer null", DecodeClassicResponse,
			pack(`{"type":9,"requestId":"q","packet":null}`),
			Message{Kind: Ack, RequestID: "q", Args: []parser.Arg{text("null")}},
		},
		{
			"a server goes", DecodeSharded,
			[]byte(`{"type":13,"uid":"u","nsp":"/"}`),
			Message{Kind: Closed, UID: "u", Namespace: "/"},
		},
		{
			"a server-side event has its own reserved names", DecodeSharded,
			[]byte(`{"type":9,"data":{"packet":["disconnect"]},"uid":"u","nsp":"/"}`),
			Message{Kind: ServerSideEmit, UID: "u", Namespace: "/", Name: "disconnect"},
		},
	} {
		got, err := test.decode(test.in, DefaultLimits())
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if diff := cmp.Diff(&test.want, got, same); diff != "" {
			t.Errorf("%s: -want +got\n%s", test.name, diff)
		}
	}
}

func TestDecodeSockets(t *testing.T) {
	const in = `{"requestId":"q","sockets":[
		{"id":"a","handshake":{"headers":{"set-cookie":["x","y"],"n":7,"e":[]},"query":{"q":["1","2"],"m":{"a":1}},"issued":"x","auth":null},"rooms":["r",7]},
		{"id":"b","data":null}]}`
	got, err := DecodeClassicResponse([]byte(in), DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	want := &Message{Kind: FetchAnswer, RequestID: "q", Sockets: []Socket{
		{
			ID: "a", Rooms: []string{"r", "7"}, Data: text("{}"),
			Handshake: Handshake{Headers: map[string]string{"set-cookie": "x, y"}, Query: map[string]string{"q": "2"}, Auth: []byte("{}")},
		},
		{ID: "b", Data: text("null"), Handshake: Handshake{Auth: []byte("{}")}},
	}}
	if diff := cmp.Diff(want, got, same); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// TestDecodeAuthBytes reads the auth of a client that speaks MessagePack.
func TestDecodeAuthBytes(t *testing.T) {
	// {requestId, sockets: [{handshake: {auth: {k: bytes}}, data: bytes}]}
	in := unhex("82 a9726571756573744964 a171 a7736f636b657473 91 82 a968616e647368616b65 81 a461757468 81 a16b c40107 a464617461 c40108")
	got, err := DecodeClassicResponse(in, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	s := got.Sockets[0]
	if string(s.Handshake.Auth) != "{}" || string(s.Data.Binary) != "\x08" {
		t.Errorf("got %+v", s)
	}
}

func TestDecodeRefuses(t *testing.T) {
	event := func(data string) []byte { return pack(`["u",{"type":2,"data":` + data + `},{}]`) }
	deep := strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001)
	for _, test := range []struct {
		name   string
		decode decoder
		in     []byte
		want   error
	}{
		{"nothing", DecodeClassicBroadcast, nil, ErrFormat},
		{"nothing", DecodeSharded, nil, ErrFormat},
		{"half of it", DecodeClassicBroadcast, event(`["hi"]`)[:10], ErrFormat},
		{"more behind it", DecodeClassicBroadcast, append(event(`["hi"]`), 0xc0), ErrFormat},
		{"half of it", DecodeClassicRequest, []byte(`{"type":1`), ErrFormat},
		{"more behind it", DecodeClassicRequest, []byte(`{"type":1}{}`), ErrFormat},
		{"JSON that is no object", DecodeSharded, []byte(`[1]`), ErrFormat},
		{"no array", DecodeClassicBroadcast, pack(`{"type":2}`), ErrFormat},
		{"no object", DecodeClassicRequest, pack(`[1]`), ErrFormat},
		{"no options", DecodeClassicBroadcast, pack(`["u",{"type":2,"data":["hi"]}]`), ErrFormat},
		{"no options", DecodeSharded, []byte(`{"type":6,"data":{"close":true}}`), ErrFormat},
		{"no options", DecodeClassicRequest, []byte(`{"type":5,"requestId":"q"}`), ErrFormat},
		{"no packet", DecodeClassicBroadcast, pack(`["u",null,{}]`), ErrFormat},
		{"no data", DecodeClassicBroadcast, pack(`["u",{"type":2},{}]`), ErrEvent},
		{"no event", DecodeClassicBroadcast, pack(`["u",{"type":0,"data":["hi"]},{}]`), ErrFormat},
		{"no name", DecodeClassicBroadcast, event(`[]`), ErrEvent},
		{"no name", DecodeClassicBroadcast, event(`[null]`), ErrEvent},
		{"no name", DecodeSharded, []byte(`{"type":9,"data":{"packet":[{}]}}`), ErrEvent},
		{"no name", DecodeClassicRequest, []byte(`{"type":6}`), ErrEvent},
		{"a reserved name", DecodeClassicBroadcast, event(`["disconnect"]`), ErrEvent},
		{"data that is no array", DecodeClassicBroadcast, event(`{"0":"hi"}`), ErrFormat},
		{"rooms that are no array", DecodeClassicBroadcast, pack(`["u",{"type":2,"data":["hi"]},{"rooms":"r"}]`), ErrFormat},
		{"options that are no object", DecodeClassicBroadcast, pack(`["u",{"type":2,"data":["hi"]},[]]`), ErrFormat},
		{"a UID that is no string", DecodeClassicBroadcast, pack(`[{},{"type":2,"data":["hi"]},{}]`), ErrFormat},
		{"a request id that is no string", DecodeClassicRequest, []byte(`{"type":1,"requestId":7}`), ErrFormat},
		{"no request id", DecodeClassicRequest, pack(`{"type":7,"packet":{"type":2,"data":["hi"]},"opts":{}}`), ErrFormat},
		{"no request id", DecodeClassicResponse, []byte(`{"rooms":[]}`), ErrFormat},
		{"no room", DecodeClassicRequest, []byte(`{"type":2,"sid":"x","requestId":"q"}`), ErrFormat},
		{"no type", DecodeClassicRequest, []byte(`{"uid":"u"}`), ErrFormat},
		{"a type that is no number", DecodeSharded, []byte(`{"type":"3"}`), ErrFormat},
		{"a heartbeat", DecodeSharded, []byte(`{"type":2,"uid":"u","nsp":"/"}`), ErrType},
		{"an unknown type", DecodeClassicRequest, []byte(`{"type":10}`), ErrType},
		{"an unknown type", DecodeClassicResponse, []byte(`{"type":1,"requestId":"q"}`), ErrType},
		{"a negative count", DecodeClassicResponse, []byte(`{"type":8,"requestId":"q","clientCount":-1}`), ErrFormat},
		{"sockets and ids", DecodeClassicResponse, []byte(`{"requestId":"q","sockets":["a",{"id":"b"}]}`), ErrFormat},
		{"ids", DecodeSharded, []byte(`{"type":8,"data":{"sockets":["a"]}}`), ErrFormat},
		{"too deep", DecodeSharded, []byte(`{"type":9,"data":{"packet":["x",` + deep + `]}}`), ErrFormat},
		{"too deep", DecodeClassicBroadcast, []byte("\x93" + strings.Repeat("\x91", 20_000)), ErrLimit},
		{"too many bytes for clients", DecodeClassicBroadcast, unhex("93 a175 82 a474797065 02 a464617461 9c a26869" + strings.Repeat("c400", 11) + "80"), ErrLimit},
		{"a placeholder beside bytes", DecodeClassicBroadcast, unhex("93 a175 82 a474797065 02 a464617461 93 a26869 c400 81ac5f706c616365686f6c646572c3 80"), ErrFormat},
		{"a length without an end", DecodeClassicBroadcast, unhex("93 a175 82 a474797065 02 a464617461 ddffffffff a26869"), ErrFormat},
	} {
		if got, err := test.decode(test.in, DefaultLimits()); !errors.Is(err, test.want) {
			t.Errorf("%s: %.60q is %+v, %v, want %v", test.name, test.in, got, err, test.want)
		}
	}
}

func TestLimits(t *testing.T) {
	msg := []byte(`{"type":8,"data":{"requestId":"q","sockets":[{"id":"a","handshake":{"headers":{"h":"x"},"query":{"q":["1","2"]}},"rooms":["r"]}]}}`)
	enough := Limits{Bytes: len(msg), Items: 9}
	if _, err := DecodeSharded(msg, enough); err != nil {
		t.Error(err)
	}
	for _, l := range []Limits{{Bytes: len(msg) - 1, Items: 9}, {Bytes: len(msg), Items: 8}} {
		if _, err := DecodeSharded(msg, l); !errors.Is(err, ErrLimit) {
			t.Errorf("%+v: %v", l, err)
		}
	}
	binary := unhex("83 a474797065 09 a46e7370 a12f a464617461 81 a67061636b6574 93 a178 c400 c400")
	binary = append([]byte{0x83}, binary[1:]...)
	if _, err := DecodeSharded(binary, Limits{Bytes: 1000, Items: 10, Attachments: 1}); !errors.Is(err, ErrLimit) {
		t.Errorf("two attachments: %v", err)
	}
}

// TestMemory reads messages that are made to take much of it.
func TestMemory(t *testing.T) {
	const size = 1 << 20
	many := func(head, item, tail string) []byte {
		return []byte(head + strings.TrimSuffix(strings.Repeat(item, size/len(item)), ",") + tail)
	}
	for name, test := range map[string]struct {
		decode decoder
		in     []byte
	}{
		"arguments":    {DecodeClassicBroadcast, many("\x93\xa1u\x82\xa4type\x02\xa4data\xdd\x00\x10\x00\x01\xa1e", "\x00", "\x80")},
		"controls":     {DecodeClassicBroadcast, many("\x93\xa1u\x82\xa4type\x02\xa4data\x92\xa1e\xdb\x00\x10\x00\x00", "\x01", "\x80")},
		"JSON args":    {DecodeSharded, many(`{"type":9,"data":{"packet":["e",`, "0,", `]}}`)},
		"rooms":        {DecodeSharded, many(`{"type":4,"data":{"rooms":[`, `"",`, `],"opts":{}}}`)},
		"except":       {DecodeClassicRequest, many(`{"type":5,"opts":{"except":[`, `1,2,`, `]}}`)},
		"room names":   {DecodeClassicResponse, many(`{"requestId":"q","rooms":[`, `1,"",`, `]}`)},
		"sockets":      {DecodeSharded, many(`{"type":8,"data":{"sockets":[`, `{},`, `]}}`)},
		"socket ids":   {DecodeClassicResponse, many(`{"requestId":"q","sockets":[`, `"",`, `]}`)},
		"members":      {DecodeSharded, many(`{"type":8,`, `"":0,`, `"data":{}}`)},
		"many headers": {DecodeSharded, many(`{"type":8,"data":{"sockets":[`, `{"handshake":{"headers":{"":"","a":""}}},`, `]}}`)},
		"depth":        {DecodeSharded, many(`{"type":9,"data":{"packet":["e",`, `[`, `]}}`)},
		"msgpack":      {DecodeSharded, many("\x82\xa4type\x09\xa4data\x81\xa6packet\xdd\x00\x08\x00\x00", "\x91\x00", "")},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		m, err := test.decode(test.in, DefaultLimits())
		runtime.ReadMemStats(&after)
		// Slices that grow take several times what they hold in the end.
		if took, most := after.TotalAlloc-before.TotalAlloc, uint64(32*size+1024*DefaultLimits().Items); took > most {
			t.Errorf("%s: took %d bytes, %v", name, took, err)
		}
		runtime.KeepAlive(m)
	}
}
