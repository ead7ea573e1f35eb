package service_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/seed52a35d2d/realtime-server/authn"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/internal/backend/backendtest"
	"github.com/seed52a35d2d/realtime-server/service"
)

// joining is the policy of a configuration, in a cluster without Node's servers.
func joining(t *testing.T, cfg service.JoinConfig) *service.JoinPolicy {
	t.Helper()
	policy, err := service.NewJoinPolicy(cfg.WithDefaults(), false)
	if err != nil {
		t.Fatal(err)
	}
	return policy
}

// letting lets everybody in as the user of its auth, to join as a configuration
// says.
func letting(t *testing.T, cfg service.JoinConfig) service.Policy {
	t.Helper()
	return service.Policy{Authenticator: byAuth, Join: joining(t, cfg)}
}

func TestClientsJoinAndLeave(t *testing.T) {
	w := newWorld(t, dev(t))
	b, id := join(t, w.door, "")
	for _, test := range []struct {
		event, ack string
		rooms      []string
	}{
		{`"join",{"rooms":["b","a","b"]}`, `[{"rooms":["b","a"],"refused":[]}]`, []string{"a", "b"}},
		{`"join",{"rooms":["a","c"],"more":1}`, `[{"rooms":["a","c"],"refused":[]}]`, []string{"a", "b", "c"}},
		{`"leave",{"rooms":["a","x"]}`, `[{"rooms":["a","x"],"refused":[]}]`, []string{"b", "c"}},
		{`"leave",{"rooms":["b","c"]}`, `[{"rooms":["b","c"],"refused":[]}]`, nil},
		{`"echo",0,null,"x"`, `[0,null,"x"]`, nil},
		{`"echo"`, `[]`, nil},
	} {
		if ack := b.ask(test.event); ack != test.ack {
			t.Errorf("%s: got %s, want %s", test.event, ack, test.ack)
		}
		got, err := w.api.GetConnection(t.Context(), &realtimev1.GetConnectionRequest{ConnectionId: id})
		if err != nil || !slices.Equal(got.GetConnection().GetRooms(), test.rooms) {
			t.Errorf("%s: in %q, %v", test.event, got.GetConnection().GetRooms(), err)
		}
	}
}

func TestMalformedJoins(t *testing.T) {
	w := newWorld(t, dev(t))
	b, _ := join(t, w.door, "")
	many, err := json.Marshal(slices.Repeat([]string{"a"}, 101))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{`"join"`, `"leave"`} {
		for _, payload := range []string{
			``, `,null`, `,1`, `,"a"`, `,[]`, `,{}`, `,{"rooms":null}`, `,{"rooms":"a"}`, `,{"rooms":[]}`, `,{"rooms":[1]}`,
			`,{"rooms":["a",null]}`, `,{"rooms":{"0":"a"}}`, `,{"rooms":["a"]},1`, `,{"rooms":` + string(many) + `}`,
		} {
			b.wantError(name+payload, "INVALID_PAYLOAD", false)
		}
	}
	b.wantError(`"join",{"rooms":["1","2","3","4","5"]}`, "TOO_MANY_ROOMS", false)
	b.wantError(`"other"`, "NO_BACKEND", false)
	b.send(`42["join"]`) // asks for no answer and gets none
	if ack := b.ask(`"join",{"rooms":["1"]}`); ack != `[{"rooms":["1"],"refused":[]}]` {
		t.Errorf("still works? %s", ack)
	}
}

func TestJoinPolicies(t *testing.T) {
	for name, test := range map[string]struct {
		cfg  service.JoinConfig
		auth string
		asks string // the names of rooms, as JSON
		ack  string
	}{
		"deny":                   {service.JoinConfig{}, `{}`, `"a","b"`, `"rooms":[],"refused":[{"room":"a","code":"ROOM_DENIED"},{"room":"b","code":"ROOM_DENIED"}]`},
		"patterns":               {patterns(`^team-\d+$`, `^news$`), `{}`, `"team-1","news","newsroom","team-"`, `"rooms":["team-1","news"],"refused":[{"room":"newsroom","code":"ROOM_DENIED"},{"room":"team-","code":"ROOM_DENIED"}]`},
		"own":                    {patterns(`^of-{user}-\w+$`), `{"user":"a.c"}`, `"of-a.c-x","of-abc-x"`, `"rooms":["of-a.c-x"],"refused":[{"room":"of-abc-x","code":"ROOM_DENIED"}]`},
		"own, repeated":          {patterns(`^({user})+$`), `{"user":"ab"}`, `"abab","abb"`, `"rooms":["abab"],"refused":[{"room":"abb","code":"ROOM_DENIED"}]`},
		"nobody's own":           {patterns(`^of-{user}.*$`), `{}`, `"of-","of-u","of-{user}"`, `"rooms":[],"refused":[{"room":"of-","code":"ROOM_DENIED"},{"room":"of-u","code":"ROOM_DENIED"},{"room":"of-{user}","code":"ROOM_DENIED"}]`},
		"a user with brackets":   {patterns(`^{user}$`), `{"user":"a)|(?:b"}`, `"a","b","a)|(?:b"`, `"rooms":["a)|(?:b"],"refused":[{"room":"a","code":"ROOM_DENIED"},{"room":"b","code":"ROOM_DENIED"}]`},
		"open":                   {service.JoinConfig{Policy: "open"}, `{}`, `"a b","日本"`, `"rooms":["a b","日本"],"refused":[]`},
		"invalid":                {service.JoinConfig{Policy: "open", MaxLength: 3}, `{}`, `"","abcd","a\u0000","a\n","a\u200b","\ud800","abc"`, `"rooms":["abc"],"refused":[{"room":"","code":"ROOM_INVALID"},{"room":"abcd","code":"ROOM_INVALID"},{"room":"a\u0000","code":"ROOM_INVALID"},{"room":"a\n","code":"ROOM_INVALID"},{"room":"a` + "\u200b" + `","code":"ROOM_INVALID"},{"room":"` + "\ufffd" + `","code":"ROOM_INVALID"}]`},
		"reserved":               {service.JoinConfig{Policy: "open", ReservedPrefixes: []string{"io-", "x"}}, `{}`, `"io-default","x","io"`, `"rooms":["io"],"refused":[{"room":"io-default","code":"ROOM_RESERVED"},{"room":"x","code":"ROOM_RESERVED"}]`},
		"without Node, by an id": {service.JoinConfig{Policy: "open"}, `{}`, `"AAAAAAAAAAAAAAAAAAAA"`, `"rooms":["AAAAAAAAAAAAAAAAAAAA"],"refused":[]`},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, letting(t, test.cfg))
			b, _ := join(t, w.door, test.auth)
			if ack := b.ask(`"join",{"rooms":[` + test.asks + `]}`); ack != `[{`+test.ack+`}]` {
				t.Errorf("got  %s\nwant [{%s}]", ack, test.ack)
			}
			refused := w.counter(t, "realtime_gateway_rooms_refused_total", "ROOM_DENIED", "/") +
				w.counter(t, "realtime_gateway_rooms_refused_total", "ROOM_INVALID", "/") +
				w.counter(t, "realtime_gateway_rooms_refused_total", "ROOM_RESERVED", "/")
			if want := strings.Count(test.ack, `"code"`); int(refused) != want {
				t.Errorf("%v counted, want %d", refused, want)
			}
		})
	}
}

func patterns(all ...string) service.JoinConfig {
	return service.JoinConfig{Policy: "patterns", Patterns: all}
}

// Where Node's servers are in the cluster, what is sent to a connection goes to the
// room of its name as well.
func TestNoRoomsInTheNamesOfConnections(t *testing.T) {
	policy := letting(t, service.JoinConfig{})
	var err error
	policy.Join, err = service.NewJoinPolicy(service.JoinConfig{Policy: "open"}.WithDefaults(), true)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, policy)
	_, victim := join(t, w.door, "")
	b, _ := join(t, w.door, "")
	want := fmt.Sprintf(`[{"rooms":["%s"],"refused":[{"room":"%[2]s","code":"ROOM_RESERVED"}]}]`, victim[1:], victim)
	if ack := b.ask(fmt.Sprintf(`"join",{"rooms":["%s","%s"]}`, victim, victim[1:])); ack != want {
		t.Errorf("got %s, want %s", ack, want)
	}
}

func TestTooManyRoomsOfAClientsChoice(t *testing.T) {
	w := newWorld(t, letting(t, service.JoinConfig{Policy: "open", MaxRooms: 3}))
	b, id := join(t, w.door, `{"rooms":["own"]}`)
	if ack := b.ask(`"join",{"rooms":["own","a"]}`); ack != `[{"rooms":["own","a"],"refused":[]}]` {
		t.Error(ack)
	}
	b.wantError(`"join",{"rooms":["b","c"]}`, "TOO_MANY_ROOMS", false)
	if ack := b.ask(`"join",{"rooms":["b"]}`); ack != `[{"rooms":["b"],"refused":[]}]` {
		t.Error(ack)
	}
	// A backend may put it into more.
	if joined, err := w.api.JoinRoom(t.Context(), &realtimev1.JoinRoomRequest{Target: to(id), Rooms: []string{"c"}}); err != nil || joined.GetRefused() > 0 {
		t.Errorf("%v, %v", joined, err)
	}
}

// authorizing asks a backend that answers AuthorizeJoin so.
func authorizing(t *testing.T, answer func(context.Context, *realtimev1.AuthorizeJoinRequest) (*realtimev1.AuthorizeJoinResponse, error)) service.Policy {
	t.Helper()
	policy := asking(t, &backendtest.Stub{
		AuthenticateFunc: accepting(&realtimev1.Accept{UserId: "ada", Rooms: []string{"start"}}),
		AuthorizeFunc:    answer,
	})
	policy.Join = joining(t, service.JoinConfig{Policy: "backend", ReservedPrefixes: []string{"io-"}})
	return policy
}

func TestBackendAuthorizesJoins(t *testing.T) {
	asked := make(chan *realtimev1.AuthorizeJoinRequest, 1)
	w := newWorld(t, authorizing(t, func(_ context.Context, req *realtimev1.AuthorizeJoinRequest) (*realtimev1.AuthorizeJoinResponse, error) {
		asked <- req
		return &realtimev1.AuthorizeJoinResponse{AllowedRooms: []string{"b", "b"}}, nil
	}))
	b, id := join(t, w.door, "")
	ack := b.ask(`"join",{"rooms":["io-x","a","b","a"]}`)
	if want := `[{"rooms":["b"],"refused":[{"room":"io-x","code":"ROOM_RESERVED"},{"room":"a","code":"ROOM_DENIED"}]}]`; ack != want {
		t.Errorf("got %s, want %s", ack, want)
	}
	req := <-asked
	if !slices.Equal(req.GetRooms(), []string{"a", "b"}) || req.GetContext().GetConnectionId() != id || req.GetContext().GetUserId() != "ada" {
		t.Errorf("asked %v", req)
	}
	if ack := b.ask(`"join",{"rooms":["io-x"]}`); !strings.Contains(ack, "ROOM_RESERVED") || len(asked) > 0 {
		t.Errorf("asked about a reserved room; %s", ack)
	}
}

func TestJoinsThatTheBackendFailsAt(t *testing.T) {
	crowd := make([]string, 10_000)
	for i := range crowd {
		crowd[i] = fmt.Sprint("room ", i)
	}
	for name, test := range map[string]struct {
		reply     *realtimev1.AuthorizeJoinResponse
		err       error
		code      string
		temporary bool
	}{
		"error":                 {nil, status.Error(codes.Internal, "s3cret"), "BACKEND_ERROR", false},
		"away":                  {nil, status.Error(codes.Unavailable, "s3cret"), "BACKEND_UNAVAILABLE", true},
		"a room of its own":     {&realtimev1.AuthorizeJoinResponse{AllowedRooms: []string{"a", "c"}}, nil, "BACKEND_INVALID_REPLY", false},
		"ten thousand rooms":    {&realtimev1.AuthorizeJoinResponse{AllowedRooms: crowd}, nil, "BACKEND_INVALID_REPLY", false},
		"a room without a name": {&realtimev1.AuthorizeJoinResponse{AllowedRooms: []string{""}}, nil, "BACKEND_INVALID_REPLY", false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, authorizing(t, func(context.Context, *realtimev1.AuthorizeJoinRequest) (*realtimev1.AuthorizeJoinResponse, error) {
				return test.reply, test.err
			}))
			b, id := join(t, w.door, "")
			b.wantError(`"join",{"rooms":["a","b"]}`, test.code, test.temporary)
			got, err := w.api.GetConnection(t.Context(), &realtimev1.GetConnectionRequest{ConnectionId: id})
			if err != nil || !slices.Equal(got.GetConnection().GetRooms(), []string{"start"}) {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
}

// A reply that comes when the client has left makes no member of a room.
func TestJoinOfAClientThatHasLeft(t *testing.T) {
	asked, gone := make(chan struct{}), make(chan struct{})
	w := newWorld(t, authorizing(t, func(_ context.Context, req *realtimev1.AuthorizeJoinRequest) (*realtimev1.AuthorizeJoinResponse, error) {
		close(asked)
		<-gone
		return &realtimev1.AuthorizeJoinResponse{AllowedRooms: req.GetRooms()}, nil
	}))
	b, id := join(t, w.door, "")
	b.send(`42["join",{"rooms":["a"]}]`)
	<-asked
	if ended, err := w.api.Disconnect(t.Context(), &realtimev1.DisconnectRequest{Target: to(id)}); err != nil || ended.GetMatched() != 1 {
		t.Fatalf("%v, %v", ended, err)
	}
	close(gone)
	w.close()
	if rooms, err := w.api.ListRooms(t.Context(), &realtimev1.ListRoomsRequest{}); err != nil || len(rooms.GetRooms()) > 0 {
		t.Errorf("%v, %v", rooms, err)
	}
}

func TestJoinConfigFaults(t *testing.T) {
	for want, cfg := range map[string]service.JoinConfig{
		"policy: ":             {Policy: "perhaps"},
		"patterns: ":           {Policy: "patterns"},
		"patterns[0]: ":        patterns("a"),
		"patterns[1]: ":        patterns("^a$", "^{user}($"),
		"max_request: ":        {MaxRequest: -1},
		"max_rooms: ":          {MaxRooms: -1},
		"max_length: ":         {MaxLength: authn.MaxNameBytes + 1},
		"reserved_prefixes: ":  {ReservedPrefixes: []string{""}},
		"events.join: ":        {Events: service.JoinEvents{Join: "connect"}},
		`events: "x" stands`:   {Events: service.JoinEvents{Join: "x", Leave: "x"}},
		"patterns: are needed": {Patterns: []string{"^a$"}},
	} {
		if err := cfg.WithDefaults().Validate(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", cfg, err, want)
		}
	}
}

func TestUserBetweenBrackets(t *testing.T) {
	for text, faulty := range map[string]bool{
		`^[{user}]$`: true, `^[^]{user}]$`: true, `^[]{user}]$`: true, `^[[:alpha:]{user}]$`: true, `^a[\]{user}]$`: true, `^[^{user}]+$`: true,
		`^[a-z]{user}$`: false, `^\[{user}\]$`: false, `^[[:alpha:]]+{user}$`: false, `^[^]]{user}[x]$`: false, `^({user}|[0-9])$`: false,
	} {
		_, err := service.NewJoinPolicy(patterns(text).WithDefaults(), false)
		if (err != nil) != faulty {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestEventModeFaults(t *testing.T) {
	for want, mode := range map[string]service.EventMode{
		"timeout: ":                      {Timeout: -1},
		"rooms: more than":               {Rooms: []string{"a", "b", "c"}},
		"rooms[0]: ":                     {Rooms: []string{""}},
		"events.ping: name is reserved":  {Events: service.EventNames{Ping: "connect"}},
		`events.ping: "authenticate" st`: {Events: service.EventNames{Ping: "authenticate"}},
	} {
		if err := mode.WithDefaults().Validate(2); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", mode, err, want)
		}
	}
	if err := (service.EventMode{Rooms: []string{}}).WithDefaults().Validate(2); err != nil {
		t.Error(err)
	}
}
