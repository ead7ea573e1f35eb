package nodewire

import (
	"bytes"
	"encoding/hex"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/seed52a35d2d/realtime-server/sio/parser"
)

// decodeOurs reads a message that we have written.
func decodeOurs(dialect string, kind Kind, request string, body []byte) (*Message, error) {
	switch {
	case dialect == "sharded":
		return DecodeSharded(body, DefaultLimits())
	case kind == Broadcast && request == "":
		return DecodeClassicBroadcast(body, DefaultLimits())
	case kind == FetchAnswer, kind == ServerSideAnswer, kind == AckCount, kind == Ack, kind >= AllRoomsAnswer && kind != SocketIDs:
		return DecodeClassicResponse(body, DefaultLimits())
	default:
		return DecodeClassicRequest(body, DefaultLimits())
	}
}

// TestRoundTrip writes messages of every kind and reads them again.
func TestRoundTrip(t *testing.T) {
	for _, dialect := range []string{"classic", "sharded"} {
		t.Run(dialect, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				m := anyMessage(t, dialect)
				body, err := encode(dialect, m)
				if err != nil {
					t.Fatal(err)
				}
				if !FromUs(body) {
					t.Fatalf("%q is not from us", body)
				}
				back, err := decodeOurs(dialect, m.Kind, m.RequestID, body)
				if err != nil {
					t.Fatalf("%q: %v", body, err)
				}
				if diff := cmp.Diff(m, back, same); diff != "" {
					t.Fatalf("%q: -before +after\n%s", body, diff)
				}
			})
		})
	}
}

var (
	anyName  = rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"7", "-1", "07", "9007199254740993", "r", "_placeholder"}))
	anyID    = rapid.StringMatching(`[a-z0-9]{1,16}`)
	anyNames = rapid.Custom(func(t *rapid.T) []string {
		return rapid.SliceOfNDistinct(anyName, 0, 4, rapid.ID).Draw(t, "names")
	})
)

func anyMessage(t *rapid.T, dialect string) *Message {
	last := Done
	if dialect == "sharded" {
		last = Closed
	}
	kinds := rapid.IntRange(int(Broadcast), int(last)).Filter(func(k int) bool { return dialect == "sharded" || Kind(k) != Closed })
	m := &Message{Kind: Kind(kinds.Draw(t, "kind")), UID: UID(anyID.Draw(t, "tag"))}
	if dialect == "sharded" || m.Kind == Broadcast {
		m.Namespace = "/" + anyName.Draw(t, "namespace")
	}
	if answers := m.Kind == FetchAnswer || m.Kind >= ServerSideAnswer; answers || rapid.Bool().Draw(t, "asks") {
		m.RequestID = anyID.Draw(t, "request")
	}
	switch m.Kind {
	case Broadcast:
		m.Options = anyOptions(t, true)
		m.Name = anyName.Filter(func(name string) bool { return !parser.Reserved(name) }).Draw(t, "event")
		m.Args = rapid.SliceOfN(anyArg, 0, 3).Draw(t, "args")
	case Join, Leave, Disconnect:
		anyChange(t, dialect, m)
	case Fetch:
		m.Options = anyOptions(t, dialect == "sharded")
	case SocketIDs:
		m.Options = anyOptions(t, false)
		m.Options.Except = nil
	case ServerSideEmit:
		m.Name, m.Args = anyName.Draw(t, "event"), rapid.SliceOfN(anyArg, 0, 3).Draw(t, "args")
	case ServerSideAnswer, Ack:
		m.Args = rapid.SliceOfN(anyArg, 0, 1).Draw(t, "answer")
	case AckCount:
		m.Count = rapid.IntRange(0, 1<<31-1).Draw(t, "count")
	case AllRoomsAnswer:
		m.Rooms = anyNames.Draw(t, "rooms")
	case FetchAnswer:
		m.Sockets = rapid.SliceOfN(anySocket, 0, 3).Draw(t, "sockets")
	case SocketIDsAnswer:
		for _, id := range rapid.SliceOfN(anyID, 1, 3).Draw(t, "ids") {
			m.Sockets = append(m.Sockets, Socket{ID: id})
		}
	default:
	}
	return m
}

func anyChange(t *rapid.T, dialect string, m *Message) {
	if dialect == "classic" && rapid.Bool().Draw(t, "old") {
		m.SocketID = anyID.Draw(t, "socket")
	} else {
		m.Options = anyOptions(t, dialect == "sharded")
	}
	switch {
	case m.Kind == Disconnect:
		m.Close = rapid.Bool().Draw(t, "close")
	case m.SocketID != "":
		m.Rooms = []string{anyName.Draw(t, "room")}
	default:
		m.Rooms = anyNames.Draw(t, "rooms")
	}
}

func anyOptions(t *rapid.T, flags bool) Options {
	o := Options{Except: anyNames.Draw(t, "except")}
	if o.Everyone = rapid.Bool().Draw(t, "everyone"); !o.Everyone {
		o.Rooms = anyNames.Draw(t, "to")
	}
	if flags {
		o.Flags = Flags{
			Volatile: rapid.Bool().Draw(t, "volatile"), Plain: rapid.Bool().Draw(t, "plain"), Local: rapid.Bool().Draw(t, "local"),
			Timeout: time.Duration(rapid.IntRange(0, 1<<31-1).Draw(t, "timeout")) * time.Millisecond,
		}
	}
	return o
}

var anySocket = rapid.Custom(func(t *rapid.T) Socket {
	pairs := rapid.MapOfN(anyName, rapid.String(), 0, 3)
	return Socket{
		ID: anyID.Draw(t, "id"), Rooms: anyNames.Draw(t, "rooms"), Data: anyArg.Draw(t, "data"),
		Handshake: Handshake{
			Headers: pairs.Draw(t, "headers"), Query: pairs.Draw(t, "query"), URL: rapid.String().Draw(t, "url"), Address: "::1",
			Issued:      time.UnixMilli(rapid.Int64Range(1, 1<<45).Draw(t, "issued")),
			CrossOrigin: rapid.Bool().Draw(t, "cross-origin"), Secure: rapid.Bool().Draw(t, "secure"),
			Auth: []byte(rapid.SampledFrom([]string{`{}`, `{"token":"x"}`, `"x"`}).Draw(t, "auth")),
		},
	}
})

// anyArg is an argument in the spelling of JSON.stringify, with up to three
// attachments: bytes, a JSON text, or one with bytes in it.
var anyArg = rapid.Custom(func(t *rapid.T) parser.Arg {
	if rapid.IntRange(0, 4).Draw(t, "of") == 0 {
		return parser.Arg{Binary: rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")}
	}
	p := &parser.Packet{}
	anyJSON(t, p, 3)
	return parser.Arg{JSON: p.Data, Attachments: p.Attachments}
})

// anyJSON writes a value.
func anyJSON(t *rapid.T, p *parser.Packet, depth int) {
	kinds := []string{"null", "true", "0", "-1", "1.5", "1e+300", "18446744073709551615", "-9223372036854775808", "string"}
	if depth < 3 && len(p.Attachments) < 3 {
		kinds = append(kinds, "bytes")
	}
	if depth > 0 {
		kinds = append(kinds, "array", "object")
	}
	switch kind := rapid.SampledFrom(kinds).Draw(t, "kind"); kind {
	case "string":
		p.Data = parser.AppendQuoted(p.Data, anyName.Draw(t, "string"))
	case "bytes":
		if err := p.AppendArg(parser.Arg{Binary: rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")}, true); err != nil {
			t.Fatal(err)
		}
	case "array":
		p.Data = append(p.Data, '[')
		anyMembers(t, p, depth, func(string) {})
		p.Data = append(p.Data, ']')
	case "object":
		p.Data = append(p.Data, '{')
		anyMembers(t, p, depth, func(key string) { p.Data = append(parser.AppendQuoted(p.Data, key), ':') })
		p.Data = append(p.Data, '}')
	default:
		p.Data = append(p.Data, kind...)
	}
}

func anyMembers(t *rapid.T, p *parser.Packet, depth int, key func(string)) {
	for i, name := range rapid.SliceOfN(rapid.StringMatching(`[a-zä"]{0,3}`), 0, 3).Draw(t, "keys") {
		if i > 0 {
			p.Data = append(p.Data, ',')
		}
		key(name)
		anyJSON(t, p, depth-1)
	}
}

// fuzz adds captured messages of some channels, and checks that whatever is
// accepted can be written, and means the same then.
func fuzz(f *testing.F, dialect, channel string) {
	f.Helper()
	for _, c := range capture(f, dialect+".txt") {
		if c.of() == channel {
			f.Add(c.body)
		}
	}
	f.Fuzz(func(t *testing.T, msg []byte) {
		c := captured{channel: "socket.io" + channel + "#/#", body: msg}
		before, err := c.decode(dialect)
		if err != nil {
			return
		}
		first, after := again(t, dialect, before)
		// What came as JSON may go as MessagePack, where numbers are spelled
		// anew.
		ignore := cmp.Options{}
		if msg[0] == '{' && first[0] != '{' {
			ignore = cmp.Options{cmpopts.IgnoreFields(Message{}, "Args"), cmpopts.IgnoreFields(Socket{}, "Data"), cmpopts.IgnoreFields(Handshake{}, "Auth")}
		}
		if diff := cmp.Diff(before, after, same, ignore); diff != "" {
			t.Fatalf("%q became %q: -before +after\n%s", msg, first, diff)
		}
		if second, last := again(t, dialect, after); !cmp.Equal(after, last, same) {
			t.Fatalf("%s became %s: -before +after\n%s", hex.Dump(first), hex.Dump(second), cmp.Diff(after, last, same))
		}
	})
}

func again(t *testing.T, dialect string, m *Message) ([]byte, *Message) {
	t.Helper()
	body, err := encode(dialect, m)
	if err != nil {
		t.Fatalf("%+v: %v", m, err)
	}
	back, err := decodeOurs(dialect, m.Kind, m.RequestID, body)
	if err != nil {
		t.Fatalf("%q: %v", body, err)
	}
	return body, back
}

func FuzzClassicBroadcast(f *testing.F) { fuzz(f, "classic", "") }
func FuzzClassicRequest(f *testing.F)   { fuzz(f, "classic", "-request") }
func FuzzClassicResponse(f *testing.F)  { fuzz(f, "classic", "-response") }
func FuzzSharded(f *testing.F)          { fuzz(f, "sharded", "") }

// FuzzFromUs holds the look at the beginning against reading all.
func FuzzFromUs(f *testing.F) {
	f.Add([]byte("\x93\xa7rt:t001\x80\x80"))
	f.Add([]byte("\x81\xa3uid\xa7rt:t001"))
	f.Add([]byte(`{"uid":"rt:t001","type":1}`))
	f.Fuzz(func(t *testing.T, msg []byte) {
		if !FromUs(msg) {
			return
		}
		for _, decode := range []func([]byte, Limits) (*Message, error){DecodeClassicBroadcast, DecodeClassicRequest, DecodeClassicResponse, DecodeSharded} {
			m, err := decode(msg, DefaultLimits())
			if err == nil && !Ours(m.UID) && bytes.Count(msg, []byte("uid")) < 2 {
				t.Fatalf("%q is not ours: %+v", msg, m)
			}
		}
	})
}
