package interceptor_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/seed52a35d2d/realtime-server/authn"
	"github.com/seed52a35d2d/realtime-server/authn/authority"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/internal/testlog"
)

// secretOf is the secret of a caller in these tests.
func secretOf(name string) authn.Secret { return authn.Secret("secret-of-" + name + "-0123") }

// granted are keys by the names of their callers.
func granted(grants map[string]authority.Grant) map[string]authority.Key {
	all := map[string]authority.Key{}
	for name, g := range grants {
		all[name] = authority.Key{Secret: secretOf(name), Grant: g}
	}
	return all
}

// by makes calls those of a caller.
func by(ctx context.Context, name string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+string(secretOf(name)))
}

// invoke calls a method of Realtime, with an answer or a stream of them, and
// returns how it ended. Whatever the request is, the answer is thrown away.
func invoke(ctx context.Context, conn *grpc.ClientConn, method string, req proto.Message) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, "/realtime.v1.Realtime/"+method)
	if err != nil {
		return err
	}
	if err := stream.SendMsg(req); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	for {
		if err := stream.RecvMsg(&realtimev1.SendWithAckResponse{}); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// lacking is ErrorInfo.metadata of a refusal.
func lacking(err error) map[string]string {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetReason() == "SCOPE_MISSING" {
			return info.GetMetadata()
		}
	}
	return nil
}

// passed tells that a call came through to the handler, which has nothing to
// say.
func passed(err error) bool { return err == nil || status.Code(err) == codes.Unimplemented }

func target(rooms ...string) *realtimev1.Target { return &realtimev1.Target{Rooms: rooms} }

// requests are one for each method, with the scope that it needs.
var requests = map[string]struct {
	scope authority.Scope
	req   proto.Message
}{
	"Broadcast":        {authority.Send, &realtimev1.BroadcastRequest{}},
	"SendWithAck":      {authority.Send, &realtimev1.SendWithAckRequest{}},
	"JoinRoom":         {authority.Manage, &realtimev1.JoinRoomRequest{}},
	"LeaveRoom":        {authority.Manage, &realtimev1.LeaveRoomRequest{}},
	"Disconnect":       {authority.Manage, &realtimev1.DisconnectRequest{}},
	"GetConnection":    {authority.Read, &realtimev1.GetConnectionRequest{}},
	"ListConnections":  {authority.Read, &realtimev1.ListConnectionsRequest{}},
	"ListRooms":        {authority.Read, &realtimev1.ListRoomsRequest{}},
	"CountConnections": {authority.Read, &realtimev1.CountConnectionsRequest{}},
}

func TestScopes(t *testing.T) {
	grants := map[string]authority.Grant{"all": {}}
	for _, scope := range authority.Scopes() {
		grants[string(scope)] = authority.Grant{Scopes: []authority.Scope{scope}}
	}
	conn, _, _ := serve(t, prometheus.NewRegistry(), keys(t, granted(grants)))
	for method, r := range requests {
		for name, grant := range grants {
			err := invoke(by(t.Context(), name), conn, method, r.req)
			if len(grant.Scopes) == 0 || slices.Contains(grant.Scopes, r.scope) {
				if !passed(err) {
					t.Errorf("%s by %s: %v", method, name, err)
				}
				continue
			}
			if status.Code(err) != codes.PermissionDenied || lacking(err)["scope"] != string(r.scope) {
				t.Errorf("%s by %s: %v, lacking %v", method, name, err, lacking(err))
			}
		}
	}
}

// A method that nobody has decided about is closed to all.
func TestMethodWithoutAScope(t *testing.T) {
	conn, _, _ := serve(t, prometheus.NewRegistry(), keys(t, granted(map[string]authority.Grant{"all": {}})))
	err := conn.Invoke(by(t.Context(), "all"), "/test.Forgotten/Do", &realtimev1.SendRequest{}, &realtimev1.SendResponse{})
	if status.Code(err) != codes.PermissionDenied || lacking(err)["scope"] != "none" {
		t.Errorf("got %v, lacking %v", err, lacking(err))
	}
}

func TestLimitedToNamespaces(t *testing.T) {
	conn, _, _ := serve(t, prometheus.NewRegistry(), keys(t, granted(map[string]authority.Grant{
		"root": {Namespaces: []string{"/"}},
		"team": {Namespaces: []string{"/chat", `^/team-\d+$`}},
	})))
	in := func(namespace string) *realtimev1.Target {
		return &realtimev1.Target{Namespace: namespace, Users: []string{"ada"}}
	}
	for _, c := range []struct {
		caller, method string
		req            proto.Message
		lacks          string // empty: it may
	}{
		{"root", "JoinRoom", &realtimev1.JoinRoomRequest{Target: in("")}, ""},
		{"root", "JoinRoom", &realtimev1.JoinRoomRequest{Target: in("/")}, ""},
		{"root", "JoinRoom", &realtimev1.JoinRoomRequest{Target: in("/chat")}, "/chat"},
		{"root", "JoinRoom", &realtimev1.JoinRoomRequest{}, "*"},
		{"root", "Broadcast", &realtimev1.BroadcastRequest{}, ""},
		{"root", "GetConnection", &realtimev1.GetConnectionRequest{Namespace: "/chat"}, "/chat"},
		{"team", "Broadcast", &realtimev1.BroadcastRequest{}, "/"},
		{"team", "Broadcast", &realtimev1.BroadcastRequest{Namespace: "/chat"}, ""},
		{"team", "Broadcast", &realtimev1.BroadcastRequest{Namespace: "/team-7"}, ""},
		{"team", "Broadcast", &realtimev1.BroadcastRequest{Namespace: "/team-7/x"}, "/team-7/x"},
		{"team", "Broadcast", &realtimev1.BroadcastRequest{Namespace: "/team-"}, "/team-"},
		{"team", "SendWithAck", &realtimev1.SendWithAckRequest{Target: in("/")}, "/"},
		{"team", "SendWithAck", &realtimev1.SendWithAckRequest{Target: in("/team-1")}, ""},
		{"team", "LeaveRoom", &realtimev1.LeaveRoomRequest{Target: in("/CHAT")}, "/CHAT"},
		{"team", "Disconnect", &realtimev1.DisconnectRequest{Target: in("")}, "/"},
		{"team", "ListConnections", &realtimev1.ListConnectionsRequest{}, "/"},
		{"team", "ListRooms", &realtimev1.ListRoomsRequest{Namespace: "/other"}, "/other"},
		{"team", "CountConnections", &realtimev1.CountConnectionsRequest{Namespace: "/chat"}, ""},
		{"team", "Broadcast", &realtimev1.BroadcastRequest{Namespace: "/" + strings.Repeat("x", 300)}, "/" + strings.Repeat("x", 255) + "…"},
	} {
		err := invoke(by(t.Context(), c.caller), conn, c.method, c.req)
		if c.lacks == "" && !passed(err) || c.lacks != "" && lacking(err)["namespace"] != c.lacks {
			t.Errorf("%s by %s: %v: %v, lacking %v", c.method, c.caller, c.req, err, lacking(err))
		}
	}
}

func TestLimitedToRooms(t *testing.T) {
	conn, _, _ := serve(t, prometheus.NewRegistry(), keys(t, granted(map[string]authority.Grant{
		"a": {RoomPrefixes: []string{"team-a:", "all:"}},
	})))
	without := func(rooms ...string) *realtimev1.Target {
		return &realtimev1.Target{Rooms: []string{"team-a:1"}, ExceptRooms: rooms, ExceptUsers: []string{"ada"}, ExceptConnectionIds: []string{"x"}}
	}
	for _, c := range []struct {
		method string
		req    proto.Message
		lacks  string // empty: it may
	}{
		{"SendWithAck", &realtimev1.SendWithAckRequest{Target: target("team-a:1", "all:x")}, ""},
		{"SendWithAck", &realtimev1.SendWithAckRequest{Target: target("team-a:1", "team-b:1")}, "team-b:1"},
		{"SendWithAck", &realtimev1.SendWithAckRequest{Target: target("team-a")}, "team-a"},
		{"SendWithAck", &realtimev1.SendWithAckRequest{Target: without("team-a:2")}, ""},
		{"SendWithAck", &realtimev1.SendWithAckRequest{Target: without("team-b:1")}, "team-b:1"},
		{"SendWithAck", &realtimev1.SendWithAckRequest{Target: &realtimev1.Target{Rooms: []string{"team-a:1"}, Users: []string{"ada"}}}, "*"},
		{"SendWithAck", &realtimev1.SendWithAckRequest{Target: &realtimev1.Target{Rooms: []string{"team-a:1"}, ConnectionIds: []string{"x"}}}, "*"},
		{"SendWithAck", &realtimev1.SendWithAckRequest{Target: &realtimev1.Target{Users: []string{"ada"}}}, "*"},
		{"SendWithAck", &realtimev1.SendWithAckRequest{}, "*"},
		{"Broadcast", &realtimev1.BroadcastRequest{ExceptRooms: []string{"team-a:1"}}, "*"},
		{"JoinRoom", &realtimev1.JoinRoomRequest{Target: target("team-a:1"), Rooms: []string{"team-a:2"}}, ""},
		{"JoinRoom", &realtimev1.JoinRoomRequest{Target: target("team-a:1"), Rooms: []string{"team-a:2", "b"}}, "b"},
		{"JoinRoom", &realtimev1.JoinRoomRequest{Target: target("b"), Rooms: []string{"team-a:2"}}, "b"},
		{"JoinRoom", &realtimev1.JoinRoomRequest{Target: &realtimev1.Target{Users: []string{"ada"}}, Rooms: []string{"team-a:2"}}, "*"},
		{"JoinRoom", &realtimev1.JoinRoomRequest{Rooms: []string{"team-a:2"}}, "*"},
		{"LeaveRoom", &realtimev1.LeaveRoomRequest{Target: target("team-a:1"), Rooms: []string{"b"}}, "b"},
		{"Disconnect", &realtimev1.DisconnectRequest{Target: target("team-a:1")}, ""},
		{"Disconnect", &realtimev1.DisconnectRequest{Target: &realtimev1.Target{ConnectionIds: []string{"x"}}}, "*"},
		{"GetConnection", &realtimev1.GetConnectionRequest{ConnectionId: "x"}, "*"},
		{"ListConnections", &realtimev1.ListConnectionsRequest{UserId: "ada"}, "*"},
		{"ListConnections", &realtimev1.ListConnectionsRequest{Room: "team-a:1", UserId: "ada"}, ""},
		{"ListConnections", &realtimev1.ListConnectionsRequest{Room: "b"}, "b"},
		{"ListRooms", &realtimev1.ListRoomsRequest{Prefix: "team-a:x"}, ""},
		{"ListRooms", &realtimev1.ListRoomsRequest{Prefix: "team-"}, "team-"},
		{"CountConnections", &realtimev1.CountConnectionsRequest{Room: "all:"}, ""},
		{"CountConnections", &realtimev1.CountConnectionsRequest{UserId: "ada"}, "*"},
	} {
		err := invoke(by(t.Context(), "a"), conn, c.method, c.req)
		if c.lacks == "" && !passed(err) || c.lacks != "" && lacking(err)["room"] != c.lacks {
			t.Errorf("%s: %v: %v, lacking %v", c.method, c.req, err, lacking(err))
		}
	}
}

func retryDelay(err error) time.Duration {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			return info.GetRetryDelay().AsDuration()
		}
	}
	return 0
}

func TestRateOfCalls(t *testing.T) {
	reg := prometheus.NewRegistry()
	conn, _, _ := serve(t, reg, keys(t, granted(map[string]authority.Grant{
		"slow": {CallsPerSecond: 0.01, Burst: 2, Scopes: []authority.Scope{authority.Send}}, "fast": {},
	})))
	// What is refused for another reason counts as well.
	if err := invoke(by(t.Context(), "slow"), conn, "ListRooms", &realtimev1.ListRoomsRequest{}); reason(err) != "SCOPE_MISSING" {
		t.Errorf("the first: %v", err)
	}
	if err := broadcast(by(t.Context(), "slow"), conn); err != nil {
		t.Errorf("the second: %v", err)
	}
	err := broadcast(by(t.Context(), "slow"), conn)
	if status.Code(err) != codes.ResourceExhausted || reason(err) != "RATE_LIMITED" {
		t.Errorf("the third: %v", err)
	}
	if d := retryDelay(err); d <= 90*time.Second || d > 100*time.Second {
		t.Errorf("retry after %v", d)
	}
	for range 100 {
		if err := broadcast(by(t.Context(), "fast"), conn); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]float64{"slow allowed": 1, "slow scope missing": 1, "slow rate limited": 1, "fast allowed": 100}
	if got := decided(t, reg); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("counted %v, want %v", got, want)
	}
}

// decided is the counter of the gate by caller and outcome.
func decided(t *testing.T, reg prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, family := range families {
		if family.GetName() != "realtime_api_requests_total" {
			continue
		}
		for _, m := range family.GetMetric() {
			all[strings.TrimSpace(m.GetLabel()[0].GetValue()+" "+m.GetLabel()[1].GetValue())] = m.GetCounter().GetValue()
		}
	}
	return all
}

// reflected opens a stream that answers each message.
func reflected(ctx context.Context, t *testing.T, conn *grpc.ClientConn) (ask func() error) {
	t.Helper()
	stream, err := grpc_reflection_v1.NewServerReflectionClient(conn).ServerReflectionInfo(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return func() error {
		err := stream.Send(&grpc_reflection_v1.ServerReflectionRequest{
			MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_ListServices{},
		})
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		_, err = stream.Recv()
		return err
	}
}

func TestFloodOnOneStream(t *testing.T) {
	conn, _, _ := serve(t, prometheus.NewRegistry(), keys(t, granted(map[string]authority.Grant{
		"slow": {CallsPerSecond: 0.01, Burst: 5, Scopes: []authority.Scope{authority.Send}},
	})))
	ask := reflected(by(t.Context(), "slow"), t, conn)
	for i := range 5 {
		if err := ask(); err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
	}
	if err := ask(); reason(err) != "RATE_LIMITED" || retryDelay(err) == 0 {
		t.Errorf("one too many: %v", err)
	}
}

func TestKeysChangeUnderAStream(t *testing.T) {
	access := keys(t, nil)
	change := func(all map[string]authority.Key) {
		t.Helper()
		if err := access.Callers.SetMore(all); err != nil {
			t.Fatal(err)
		}
	}
	change(granted(map[string]authority.Grant{"a": {}, "b": {}}))
	conn, _, _ := serve(t, prometheus.NewRegistry(), access)
	a, b := reflected(by(t.Context(), "a"), t, conn), reflected(by(t.Context(), "b"), t, conn)
	for _, ask := range []func() error{a, b} {
		if err := ask(); err != nil {
			t.Fatal(err)
		}
	}
	change(map[string]authority.Key{"a": {Secret: "another-secret-of-a"}})
	if err := a(); err != nil {
		t.Errorf("the secret was changed: %v", err)
	}
	if err := broadcast(by(t.Context(), "a"), conn); reason(err) != "CREDENTIALS_INVALID" {
		t.Errorf("a call with the old secret: %v", err)
	}
	if err := b(); status.Code(err) != codes.Unauthenticated || reason(err) != "CREDENTIALS_INVALID" {
		t.Errorf("the key was taken away: %v", err)
	}
}

// A scope that is taken away ends what it has begun.
func TestScopeIsTakenFromAStream(t *testing.T) {
	access := keys(t, nil)
	may := func(scope authority.Scope) {
		t.Helper()
		if err := access.Callers.SetMore(granted(map[string]authority.Grant{"a": {Scopes: []authority.Scope{scope}}})); err != nil {
			t.Fatal(err)
		}
	}
	may(authority.Send)
	conn, _, _ := serve(t, prometheus.NewRegistry(), access)
	ctx := metadata.AppendToOutgoingContext(by(t.Context(), "a"), "answers", "2")
	stream, err := realtimev1.NewRealtimeClient(conn).SendWithAck(ctx, &realtimev1.SendWithAckRequest{Target: target("a")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	may(authority.Read)
	goOn <- struct{}{}
	if _, err := stream.Recv(); reason(err) != "SCOPE_MISSING" || lacking(err)["scope"] != "send" {
		t.Errorf("got %v", err)
	}
}

func TestRefusalsAreLoggedSparingly(t *testing.T) {
	reg := prometheus.NewRegistry()
	conn, log, stop := serve(t, reg, keys(t, granted(map[string]authority.Grant{"reader": {Scopes: []authority.Scope{authority.Read}}})))
	for range 50 {
		for ctx, want := range map[context.Context]string{
			t.Context():               "CREDENTIALS_MISSING",
			by(t.Context(), "nobody"): "CREDENTIALS_INVALID",
			by(t.Context(), "reader"): "SCOPE_MISSING",
		} {
			if err := broadcast(ctx, conn); reason(err) != want {
				t.Fatalf("%v, want %s", err, want)
			}
		}
	}
	stop()
	if n := strings.Count(log.String(), "API call refused"); n != 3 {
		t.Errorf("%d lines:\n%s", n, log)
	}
	for line := range strings.Lines(log.String()) {
		if !strings.Contains(line, "API call refused") && !strings.Contains(line, "level=DEBUG") {
			t.Errorf("one line more: %s", line)
		}
	}
	want := map[string]float64{"credentials missing": 50, "credentials invalid": 50, "reader scope missing": 50}
	if got := decided(t, reg); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("counted %v, want %v", got, want)
	}
	if strings.Contains(log.String(), string(secretOf("nobody"))) {
		t.Error("the log tells a key")
	}
}

// audited are the audit lines of a log, without their time.
func audited(log *testlog.Log) []string {
	var lines []string
	for line := range strings.Lines(log.String()) {
		if _, line, ok := strings.Cut(strings.TrimSpace(line), `msg="manage call" `); ok {
			lines = append(lines, line)
		}
	}
	return lines
}

func TestAudit(t *testing.T) {
	access := keys(t, granted(map[string]authority.Grant{
		"support": {}, "reader": {Scopes: []authority.Scope{authority.Read}}, "slow": {CallsPerSecond: 0.01},
	}))
	conn, log, stop := serve(t, prometheus.NewRegistry(), access)
	for _, c := range []struct {
		caller, method string
		req            proto.Message
	}{
		{"support", "Disconnect", &realtimev1.DisconnectRequest{Reason: "rude", Target: &realtimev1.Target{
			Namespace: "/chat", Rooms: []string{"ada's"}, Users: []string{"ada", "bob"},
		}}},
		{"support", "JoinRoom", &realtimev1.JoinRoomRequest{Target: target("a"), Rooms: []string{"b", "c"}}},
		{"support", "LeaveRoom", &realtimev1.LeaveRoomRequest{Target: target("panic")}},
		{"support", "ListRooms", &realtimev1.ListRoomsRequest{}},
		{"support", "Broadcast", &realtimev1.BroadcastRequest{}},
		{"reader", "Disconnect", &realtimev1.DisconnectRequest{}},
		{"nobody", "Disconnect", &realtimev1.DisconnectRequest{}},
		{"slow", "Disconnect", &realtimev1.DisconnectRequest{Target: target("a")}},
		{"slow", "Disconnect", &realtimev1.DisconnectRequest{Target: target("a")}},
	} {
		if err := invoke(by(t.Context(), c.caller), conn, c.method, c.req); status.Code(err) == codes.Unavailable {
			t.Fatal(err)
		}
	}
	stop()
	want := []string{
		"audit=true method=Disconnect api_key=support namespace=/chat target.rooms=1 target.users=2 target.connections=0 code=OK",
		`audit=true method=JoinRoom api_key=support namespace=/ target.rooms=1 target.users=0 target.connections=0 rooms=2 code=OK`,
		`audit=true method=LeaveRoom api_key=support namespace=/ target.rooms=1 target.users=0 target.connections=0 rooms=0 code=Internal`,
		"audit=true method=Disconnect api_key=reader target.rooms=0 target.users=0 target.connections=0 code=PermissionDenied reason=SCOPE_MISSING",
		`audit=true method=Disconnect api_key=slow namespace=/ target.rooms=1 target.users=0 target.connections=0 code=OK`,
	}
	if got := audited(log); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, name := range []string{"ada", "rude", string(secretOf("nobody"))} {
		if strings.Contains(log.String(), name) {
			t.Errorf("the log tells %q", name)
		}
	}
}

func TestAuditCanBeOff(t *testing.T) {
	access := keys(t, granted(map[string]authority.Grant{"support": {}}))
	access.Audit = false
	conn, log, stop := serve(t, prometheus.NewRegistry(), access)
	if err := invoke(by(t.Context(), "support"), conn, "Disconnect", &realtimev1.DisconnectRequest{Target: target("a")}); err != nil {
		t.Fatal(err)
	}
	stop()
	if lines := audited(log); len(lines) > 0 {
		t.Errorf("got %q", lines)
	}
}
