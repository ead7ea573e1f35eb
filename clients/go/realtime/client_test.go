package realtime_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/seed52a35d2d/realtime-server/clients/go/realtime"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

func jsonArg(text string) *realtimev1.Arg {
	return &realtimev1.Arg{Kind: &realtimev1.Arg_Json{Json: text}}
}

// TestCalls makes every call once: what goes out, and what comes back.
func TestCalls(t *testing.T) {
	everywhere := realtime.Target{
		Namespace: "/chat", Rooms: []string{"a"}, Users: []string{"b"}, Connections: []string{"c"},
		ExceptRooms: []string{"d"}, ExceptUsers: []string{"e"}, ExceptConnections: []string{"f"},
	}
	report := &realtimev1.DeliveryReport{Matched: 6, Nodes: 8, NodesAnswered: 7, Degraded: true, Written: 4, Dropped: 3, Expired: 2, Pending: 1}
	delivery := realtime.Delivery{
		MessageID: "m", Matched: 6, Nodes: 8, NodesAnswered: 7, Degraded: true,
		Written: 4, Dropped: 3, Expired: 2, Pending: 1,
	}
	connection := &realtimev1.Connection{Id: "c1"}
	roles, err := structpb.NewStruct(map[string]any{"roles": []any{"x"}})
	if err != nil {
		t.Fatal(err)
	}

	tests := []struct {
		name  string
		call  func(context.Context, *realtime.Client) (any, error)
		sent  proto.Message
		reply proto.Message
		want  any
	}{{
		name: "send to everything a target can name",
		call: func(ctx context.Context, c *realtime.Client) (any, error) {
			return c.Send(ctx, everywhere, realtime.NewEvent("news"))
		},
		sent: &realtimev1.SendRequest{
			Target: &realtimev1.Target{
				Namespace: "/chat", Rooms: []string{"a"}, Users: []string{"b"}, ConnectionIds: []string{"c"},
				ExceptRooms: []string{"d"}, ExceptUsers: []string{"e"}, ExceptConnectionIds: []string{"f"},
			},
			Event: &realtimev1.Event{Name: "news"},
		},
		reply: &realtimev1.SendResponse{MessageId: "m", Report: report},
		want:  delivery,
	}, {
		name: "send with options",
		call: func(ctx context.Context, c *realtime.Client) (any, error) {
			event := realtime.Event{Name: "tick", Args: []any{1}, Plain: true, Volatile: true, ExpiresAfter: time.Second}
			return c.Send(ctx, realtime.Rooms("a", "b"), event, realtime.WithReport(realtime.ReportWritten), realtime.WithDegraded())
		},
		sent: &realtimev1.SendRequest{
			Target: &realtimev1.Target{Rooms: []string{"a", "b"}},
			Event: &realtimev1.Event{
				Name: "tick", Args: []*realtimev1.Arg{jsonArg("1")},
				Compress: new(false), Volatile: true, ExpiresAfter: durationpb.New(time.Second),
			},
			ReportLevel:   realtimev1.ReportLevel_REPORT_LEVEL_WRITTEN,
			AllowDegraded: true,
		},
		reply: &realtimev1.SendResponse{},
		want:  realtime.Delivery{},
	}, {
		name: "broadcast",
		call: func(ctx context.Context, c *realtime.Client) (any, error) {
			to := realtime.Everyone{
				Namespace: "/chat", ExceptRooms: []string{"a"}, ExceptUsers: []string{"b"}, ExceptConnections: []string{"c"},
			}
			return c.Broadcast(ctx, to, realtime.NewEvent("news"), realtime.WithReport(realtime.ReportNone), realtime.WithDegraded())
		},
		sent: &realtimev1.BroadcastRequest{
			Namespace: "/chat", ExceptRooms: []string{"a"}, ExceptUsers: []string{"b"}, ExceptConnectionIds: []string{"c"},
			Event: &realtimev1.Event{Name: "news"}, ReportLevel: realtimev1.ReportLevel_REPORT_LEVEL_NONE,
			AllowDegraded: true,
		},
		reply: &realtimev1.BroadcastResponse{MessageId: "m", Report: report},
		want:  delivery,
	}, {
		name: "join rooms",
		call: func(ctx context.Context, c *realtime.Client) (any, error) {
			return c.JoinRoom(ctx, realtime.Users("u1", "u2"), "a", "b")
		},
		sent: &realtimev1.JoinRoomRequest{
			Target: &realtimev1.Target{Users: []string{"u1", "u2"}}, Rooms: []string{"a", "b"},
		},
		reply: &realtimev1.JoinRoomResponse{Matched: 3, Refused: 1},
		want:  realtime.Joined{Matched: 3, Refused: 1},
	}, {
		name: "leave a room",
		call: func(ctx context.Context, c *realtime.Client) (any, error) {
			return c.LeaveRoom(ctx, realtime.Connections("c1"), "a")
		},
		sent: &realtimev1.LeaveRoomRequest{
			Target: &realtimev1.Target{ConnectionIds: []string{"c1"}}, Rooms: []string{"a"},
		},
		reply: &realtimev1.LeaveRoomResponse{Matched: 1},
		want:  int64(1),
	}, {
		name: "disconnect",
		call: func(ctx context.Context, c *realtime.Client) (any, error) {
			return c.Disconnect(ctx, realtime.Users("u1"))
		},
		sent:  &realtimev1.DisconnectRequest{Target: &realtimev1.Target{Users: []string{"u1"}}},
		reply: &realtimev1.DisconnectResponse{Matched: 2},
		want:  int64(2),
	}, {
		name: "disconnect with options",
		call: func(ctx context.Context, c *realtime.Client) (any, error) {
			return c.Disconnect(ctx, realtime.Users("u1"), realtime.WithReason("maintenance"),
				realtime.WithReconnect(), realtime.WithLastEvent(realtime.NewEvent("bye")))
		},
		sent: &realtimev1.DisconnectRequest{
			Target: &realtimev1.Target{Users: []string{"u1"}}, Reason: "maintenance",
			AllowReconnect: true, LastEvent: &realtimev1.Event{Name: "bye"},
		},
		reply: &realtimev1.DisconnectResponse{},
		want:  int64(0),
	}, {
		name: "revoke a user",
		call: func(ctx context.Context, c *realtime.Client) (any, error) {
			return c.RevokeUser(ctx, "u1", realtime.InAllNamespaces(), realtime.WithReason("password changed"),
				realtime.WithReconnect(), realtime.WithLastEvent(realtime.NewEvent("bye")))
		},
		sent: &realtimev1.RevokeUserRequest{
			AllNamespaces: true, UserId: "u1", Reason: "password changed",
			AllowReconnect: true, LastEvent: &realtimev1.Event{Name: "bye"},
		},
		reply: &realtimev1.RevokeUserResponse{Matched: 2},
		want:  int64(2),
	}, {
		name: "revoke a token",
		call: func(ctx context.Context, c *realtime.Client) (any, error) {
			return c.RevokeToken(ctx, "t1", realtime.InNamespace("/chat"), realtime.Until(time.Unix(1000, 0)))
		},
		sent: &realtimev1.RevokeTokenRequest{
			Namespace: "/chat", TokenId: "t1", Until: timestamppb.New(time.Unix(1000, 0)),
		},
		reply: &realtimev1.RevokeTokenResponse{Matched: 1},
		want:  int64(1),
	}, {
		name: "get a connection",
		call: func(ctx context.Context, c *realtime.Client) (any, error) {
			return c.GetConnection(ctx, "/chat", "c1")
		},
		sent:  &realtimev1.GetConnectionRequest{Namespace: "/chat", ConnectionId: "c1"},
		reply: &realtimev1.GetConnectionResponse{Connection: connection},
		want:  connection,
	}, {
		name: "issue a ticket",
		call: func(ctx context.Context, c *realtime.Client) (any, error) {
			return c.IssueTicket(ctx, realtime.TicketRequest{
				Namespace: "/chat", UserID: "u1", Rooms: []string{"a"}, Metadata: map[string]any{"roles": []string{"x"}},
				ConnectionExpiresAt: time.Unix(4e9, 0), TokenID: "s1", TTL: time.Minute,
			})
		},
		sent: &realtimev1.IssueTicketRequest{
			Namespace: "/chat", UserId: "u1", Rooms: []string{"a"}, Metadata: roles,
			ConnectionExpiresAt: &timestamppb.Timestamp{Seconds: 4e9}, TokenId: "s1", Ttl: durationpb.New(time.Minute),
		},
		reply: &realtimev1.IssueTicketResponse{Ticket: "t", ExpiresAt: &timestamppb.Timestamp{Seconds: 3e9}},
		want:  realtime.Ticket{Text: "t", ExpiresAt: time.Unix(3e9, 0).UTC()},
	}, {
		name: "issue the least of a ticket",
		call: func(ctx context.Context, c *realtime.Client) (any, error) {
			return c.IssueTicket(ctx, realtime.TicketRequest{UserID: "u1"})
		},
		sent:  &realtimev1.IssueTicketRequest{UserId: "u1"},
		reply: &realtimev1.IssueTicketResponse{Ticket: "t", ExpiresAt: &timestamppb.Timestamp{}},
		want:  realtime.Ticket{Text: "t", ExpiresAt: time.Unix(0, 0).UTC()},
	}, {
		name: "count connections",
		call: func(ctx context.Context, c *realtime.Client) (any, error) {
			return c.CountConnections(ctx, realtime.Filter{Namespace: "/chat", Room: "a", User: "u1"})
		},
		sent: &realtimev1.CountConnectionsRequest{Namespace: "/chat", Room: "a", UserId: "u1"},
		reply: &realtimev1.CountConnectionsResponse{
			Connections: 3, Users: 2, Coverage: &realtimev1.Coverage{Partial: true},
		},
		want: realtime.Count{Connections: 3, Users: 2, Partial: true},
	}}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := newRecorder(t, always(test.reply, nil))
			got, err := test.call(t.Context(), server.client(t, realtime.WithPlaintext()))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]proto.Message{test.sent}, server.requests, protocmp.Transform()); diff != "" {
				t.Errorf("sent (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.want, got, protocmp.Transform()); diff != "" {
				t.Errorf("returned (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEventThatCannotBeEncodedIsNotSent(t *testing.T) {
	event := realtime.NewEvent("bad", 1, make(chan int))
	calls := map[string]func(context.Context, *realtime.Client) error{
		"Send": func(ctx context.Context, c *realtime.Client) error {
			_, err := c.Send(ctx, realtime.Rooms("a"), event)
			return err
		},
		"Broadcast": func(ctx context.Context, c *realtime.Client) error {
			_, err := c.Broadcast(ctx, realtime.Everyone{}, event)
			return err
		},
		"Disconnect": func(ctx context.Context, c *realtime.Client) error {
			_, err := c.Disconnect(ctx, realtime.Users("u1"), realtime.WithLastEvent(event))
			return err
		},
		"RevokeUser": func(ctx context.Context, c *realtime.Client) error {
			_, err := c.RevokeUser(ctx, "u1", realtime.WithLastEvent(event))
			return err
		},
		"RevokeToken": func(ctx context.Context, c *realtime.Client) error {
			_, err := c.RevokeToken(ctx, "t1", realtime.WithLastEvent(event))
			return err
		},
	}
	server := newRecorder(t, always(nil, status.Error(codes.Internal, "reached")))
	client := server.client(t, realtime.WithPlaintext())
	for name, call := range calls {
		err := call(t.Context(), client)
		if _, ok := errors.AsType[*json.UnsupportedTypeError](err); !ok {
			t.Errorf("%s: error %v, want a json.UnsupportedTypeError", name, err)
		}
		const want = `event "bad", argument 1: json: unsupported type: chan int`
		if err != nil && err.Error() != want {
			t.Errorf("%s: error %q, want %q", name, err, want)
		}
	}
	if len(server.requests) > 0 {
		t.Errorf("the server got %v", server.requests)
	}
}

func TestTicketWhoseMetadataCannotBeEncodedIsNotOrdered(t *testing.T) {
	server := newRecorder(t, always(nil, status.Error(codes.Internal, "reached")))
	_, err := server.client(t, realtime.WithPlaintext()).IssueTicket(t.Context(), realtime.TicketRequest{Metadata: map[string]any{"a": make(chan int)}})
	if err == nil || err.Error() != "metadata: json: unsupported type: chan int" || len(server.requests) > 0 {
		t.Errorf("error %v, requests %v", err, server.requests)
	}
}

func TestAPIKeyOverTLS(t *testing.T) {
	cert, roots := loopbackTLS(t)
	server := newRecorder(t, always(&realtimev1.SendResponse{}, nil), grpc.Creds(credentials.NewTLS(cert)))
	client := server.client(t, realtime.WithTLS(roots), realtime.WithAPIKey("secret"))
	if _, err := client.Send(t.Context(), realtime.Rooms("a"), realtime.NewEvent("e")); err != nil {
		t.Fatal(err)
	}
	if want := []string{"Bearer secret"}; !slices.Equal(server.authorization, want) {
		t.Errorf("authorization %q, want %q", server.authorization, want)
	}
}

func TestAPIKeyInPlaintext(t *testing.T) {
	server := newRecorder(t, always(&realtimev1.SendResponse{}, nil))
	client := server.client(t, realtime.WithAPIKey("secret"), realtime.WithPlaintext())
	if _, err := client.Send(t.Context(), realtime.Rooms("a"), realtime.NewEvent("e")); err != nil {
		t.Fatal(err)
	}
	if want := []string{"Bearer secret"}; !slices.Equal(server.authorization, want) {
		t.Errorf("authorization %q, want %q", server.authorization, want)
	}
}

func TestTLSIsTheDefault(t *testing.T) {
	server := newRecorder(t, always(&realtimev1.SendResponse{}, nil))
	client := server.client(t)
	_, err := client.Send(t.Context(), realtime.Rooms("a"), realtime.NewEvent("e"))
	if status.Code(err) != codes.Unavailable || len(server.requests) > 0 {
		t.Errorf("error %v, requests %v, want a failed handshake", err, server.requests)
	}
}

func TestDialRefuses(t *testing.T) {
	tests := map[string][]realtime.Option{
		"empty API key": {realtime.WithAPIKey("")},
		"API key over a connection that became plaintext by the way": {
			realtime.WithAPIKey("secret"),
			realtime.WithDialOptions(grpc.WithTransportCredentials(insecure.NewCredentials())),
		},
	}
	for name, opts := range tests {
		t.Run(name, func(t *testing.T) {
			client, err := realtime.Dial("127.0.0.1:1", opts...)
			if err == nil {
				client.Close()
				t.Fatal("no error")
			}
		})
	}
}

// loopbackTLS returns the configurations of a server on 127.0.0.1 and of a
// client that trusts it. The certificate is borrowed from httptest.
func loopbackTLS(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	web := httptest.NewTLSServer(nil)
	defer web.Close()
	roots := x509.NewCertPool()
	roots.AddCert(web.Certificate())
	return &tls.Config{Certificates: web.TLS.Certificates}, &tls.Config{RootCAs: roots}
}
