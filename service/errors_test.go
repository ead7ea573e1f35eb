package service_test

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/seed52a35d2d/realtime-server/authn"
	"github.com/seed52a35d2d/realtime-server/authn/authority"
	"github.com/seed52a35d2d/realtime-server/authn/ticket"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/service"
	"github.com/seed52a35d2d/realtime-server/service/interceptor"
)

// count asks for the number of connections of a namespace.
func count(ctx context.Context, api realtimev1.RealtimeClient, namespace string) error {
	_, err := api.CountConnections(ctx, &realtimev1.CountConnectionsRequest{Namespace: namespace})
	return err
}

func TestEveryReasonIsProduced(t *testing.T) {
	w := newWorld(t, dev(t))
	full, fullID := join(t, w.door, "")
	full.ask(`"join",{"rooms":["1","2","3","4"]}`)
	drained := newWorld(t, dev(t))
	drained.service.Drain()
	asked, askedID := join(t, w.door, "")
	callers, err := authority.New(map[string]authority.Key{
		"sender": {Secret: "sender-0123456789", Grant: authority.Grant{Scopes: []authority.Scope{authority.Send}}},
		"slow":   {Secret: "slow-0123456789ab", Grant: authority.Grant{CallsPerSecond: 0.001, Burst: 1}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	locked := behind(t, w.service, &interceptor.Access{Callers: callers})
	by := func(ctx context.Context, key string) context.Context {
		return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+key)
	}
	alone := newWorld(t, dev(t))
	alone.lose(t)
	workers := attaching(t)
	// A service without a server panics when it looks for a namespace.
	faulty := behind(t, service.New(nil, service.DefaultConfig(), "node-1", slog.New(slog.DiscardHandler)), nil)

	produced := map[realtimev1.ErrorReason]struct {
		code codes.Code
		call func(context.Context) error
	}{
		realtimev1.ErrorReason_ERROR_REASON_INVALID_REQUEST: {codes.InvalidArgument, func(ctx context.Context) error {
			_, err := w.api.Send(ctx, &realtimev1.SendRequest{})
			return err
		}},
		realtimev1.ErrorReason_ERROR_REASON_NAMESPACE_NOT_FOUND: {codes.NotFound, func(ctx context.Context) error {
			return count(ctx, w.api, "/nowhere")
		}},
		realtimev1.ErrorReason_ERROR_REASON_CONNECTION_NOT_FOUND: {codes.NotFound, func(ctx context.Context) error {
			_, err := w.api.GetConnection(ctx, &realtimev1.GetConnectionRequest{ConnectionId: "gone"})
			return err
		}},
		realtimev1.ErrorReason_ERROR_REASON_CREDENTIALS_MISSING: {codes.Unauthenticated, func(ctx context.Context) error {
			return count(ctx, locked, "/")
		}},
		realtimev1.ErrorReason_ERROR_REASON_CREDENTIALS_INVALID: {codes.Unauthenticated, func(ctx context.Context) error {
			return count(by(ctx, "x"), locked, "/")
		}},
		realtimev1.ErrorReason_ERROR_REASON_SCOPE_MISSING: {codes.PermissionDenied, func(ctx context.Context) error {
			return count(by(ctx, "sender-0123456789"), locked, "/")
		}},
		realtimev1.ErrorReason_ERROR_REASON_RATE_LIMITED: {codes.ResourceExhausted, func(ctx context.Context) error {
			if err := count(by(ctx, "slow-0123456789ab"), locked, "/"); err != nil {
				return err
			}
			return count(by(ctx, "slow-0123456789ab"), locked, "/")
		}},
		realtimev1.ErrorReason_ERROR_REASON_DRAINING: {codes.Unavailable, func(ctx context.Context) error {
			_, err := drained.api.Broadcast(ctx, &realtimev1.BroadcastRequest{Event: &realtimev1.Event{Name: "e"}})
			return err
		}},
		realtimev1.ErrorReason_ERROR_REASON_INTERNAL: {codes.Internal, func(ctx context.Context) error {
			return count(ctx, faulty, "/")
		}},
		realtimev1.ErrorReason_ERROR_REASON_TOO_MANY_ROOMS: {codes.ResourceExhausted, func(ctx context.Context) error {
			_, err := w.api.JoinRoom(ctx, &realtimev1.JoinRoomRequest{Target: to(fullID), Rooms: []string{"5"}})
			return err
		}},
		realtimev1.ErrorReason_ERROR_REASON_CLUSTER_UNAVAILABLE: {codes.Unavailable, func(ctx context.Context) error {
			_, err := alone.api.Broadcast(ctx, &realtimev1.BroadcastRequest{Event: &realtimev1.Event{Name: "e"}})
			return err
		}},
		realtimev1.ErrorReason_ERROR_REASON_TICKETS_NOT_TAKEN: {codes.FailedPrecondition, func(ctx context.Context) error {
			_, err := w.api.IssueTicket(ctx, &realtimev1.IssueTicketRequest{})
			return err
		}},
		realtimev1.ErrorReason_ERROR_REASON_TOO_MANY_TICKETS: {codes.ResourceExhausted, func(ctx context.Context) error {
			w, office := ticketed(t)
			for _, size := range []int{ticket.MaxGrantBytes - 100, 100} {
				for who, err := (authn.Identity{User: strings.Repeat("x", size)}), error(nil); err == nil; {
					_, err = office.Issue(ctx, "/", who, time.Minute)
				}
			}
			_, err := w.api.IssueTicket(ctx, &realtimev1.IssueTicketRequest{Rooms: []string{strings.Repeat("x", 256)}})
			return err
		}},
		realtimev1.ErrorReason_ERROR_REASON_TOO_MANY_REVOCATIONS: {codes.ResourceExhausted, func(ctx context.Context) error {
			for n := range maxRevocations {
				w.revokeToken(t, &realtimev1.RevokeTokenRequest{TokenId: strconv.Itoa(n)})
			}
			_, err := w.api.RevokeToken(ctx, &realtimev1.RevokeTokenRequest{TokenId: "one more"})
			return err
		}},
		realtimev1.ErrorReason_ERROR_REASON_GROUP_NOT_FOUND: {codes.NotFound, func(ctx context.Context) error {
			return attachError(attachAs(ctx, t, workers, "nobody"))
		}},
		realtimev1.ErrorReason_ERROR_REASON_ATTACH_VIOLATION: {codes.InvalidArgument, func(ctx context.Context) error {
			return attachError(attachAs(ctx, t, workers, ""))
		}},
		realtimev1.ErrorReason_ERROR_REASON_TOO_MANY_WORKERS: {codes.ResourceExhausted, func(ctx context.Context) error {
			fillGroup(ctx, t, workers)
			return attachError(attachAs(ctx, t, workers, "chat"))
		}},
		realtimev1.ErrorReason_ERROR_REASON_TOO_MANY_ACKS: {codes.ResourceExhausted, func(ctx context.Context) error {
			for range maxPendingAcks {
				ask(t, w, &realtimev1.SendWithAckRequest{Target: to(askedID), Event: &realtimev1.Event{Name: "e"}})
				asked.want("42")
			}
			_, err := collect(ctx, w, &realtimev1.SendWithAckRequest{Target: to(askedID), Event: &realtimev1.Event{Name: "e"}})
			return err
		}},
	}
	for number, name := range realtimev1.ErrorReason_name {
		if number == 0 {
			continue
		}
		p, ok := produced[realtimev1.ErrorReason(number)]
		if !ok {
			t.Errorf("nothing produces %s", name)
			continue
		}
		err := p.call(t.Context())
		if "ERROR_REASON_"+reason(err) != name || status.Code(err) != p.code {
			t.Errorf("got %v with reason %q, want %v with %s", err, reason(err), p.code, name)
		}
	}
}

// behind returns a client of s behind a chain that knows who may call.
func behind(t *testing.T, s *service.Service, access *interceptor.Access) realtimev1.RealtimeClient {
	t.Helper()
	chain := interceptor.New(slog.New(slog.DiscardHandler), prometheus.NewRegistry(), access)
	return realtimev1.NewRealtimeClient(serve(t, s, chain))
}

func TestDrainEndsWritesOnly(t *testing.T) {
	w := newWorld(t, dev(t))
	w.service.Drain()
	target := inRoom("a")
	event := &realtimev1.Event{Name: "e"}
	for method, req := range map[string]any{
		"Send":        &realtimev1.SendRequest{Target: target, Event: event},
		"Broadcast":   &realtimev1.BroadcastRequest{Event: event},
		"JoinRoom":    &realtimev1.JoinRoomRequest{Target: target, Rooms: []string{"b"}},
		"LeaveRoom":   &realtimev1.LeaveRoomRequest{Target: target, Rooms: []string{"b"}},
		"Disconnect":  &realtimev1.DisconnectRequest{Target: target},
		"IssueTicket": &realtimev1.IssueTicketRequest{},

		"RevokeUser": &realtimev1.RevokeUserRequest{UserId: "ada"},
	} {
		err := w.conn.Invoke(t.Context(), "/realtime.v1.Realtime/"+method, req, &realtimev1.SendResponse{})
		if reason(err) != "DRAINING" {
			t.Errorf("%s: %v", method, err)
		}
	}
	if _, err := collect(t.Context(), w, &realtimev1.SendWithAckRequest{Target: target, Event: event}); reason(err) != "DRAINING" {
		t.Errorf("SendWithAck: %v", err)
	}
	if err := count(t.Context(), w.api, ""); err != nil {
		t.Errorf("a read: %v", err)
	}
}
