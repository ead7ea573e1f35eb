package service_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/seed52a35d2d/realtime-server/authn/ticket"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/service"
)

// ticketed is a world whose clients bring tickets, and its office.
func ticketed(t *testing.T) (*world, *ticket.Office) {
	t.Helper()
	office := ticket.NewOffice(prometheus.NewRegistry())
	w := newWorld(t, service.Policy{Authenticator: office.Authenticator(ticket.Config{}, maxRooms)})
	w.service.SetTickets(service.Tickets{Office: office, Taken: map[string]bool{"/": true, teams: true}, MaxRooms: maxRooms})
	return w, office
}

func issue(t *testing.T, w *world, req *realtimev1.IssueTicketRequest) *realtimev1.IssueTicketResponse {
	t.Helper()
	issued, err := w.api.IssueTicket(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return issued
}

func TestTicketLetsAClientIn(t *testing.T) {
	w, _ := ticketed(t)
	metadata, err := structpb.NewStruct(map[string]any{"tenant": "acme"})
	if err != nil {
		t.Fatal(err)
	}
	end := timestamppb.New(time.Now().Add(time.Hour))
	began := time.Now()
	issued := issue(t, w, &realtimev1.IssueTicketRequest{
		UserId: "ada", Rooms: []string{"b", "a"}, Metadata: metadata, ConnectionExpiresAt: end, TokenId: "s1", Ttl: durationpb.New(time.Minute),
	})
	if got := issued.GetExpiresAt().AsTime(); got.Before(began.Add(time.Minute)) || got.After(time.Now().Add(time.Minute)) {
		t.Errorf("may be shown until %v", got)
	}
	_, id := join(t, w.door, `{"ticket":"`+issued.GetTicket()+`"}`)
	found, err := w.api.GetConnection(t.Context(), &realtimev1.GetConnectionRequest{ConnectionId: id})
	if err != nil {
		t.Fatal(err)
	}
	got := found.GetConnection()
	want := &realtimev1.Connection{
		Id: id, Namespace: "/", UserId: "ada", Rooms: []string{"a", "b"}, Metadata: metadata, ExpiresAt: end,
		ConnectedAt: got.GetConnectedAt(), Transport: "websocket", RemoteAddress: got.GetRemoteAddress(), NodeId: "node-1", TokenId: "s1",
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	again := open(t, w.door, "", nil)
	again.send(`40{"ticket":"` + issued.GetTicket() + `"}`)
	if told := again.want("44"); !strings.Contains(told, ticket.CodeInvalid) {
		t.Errorf("a used ticket: %s", told)
	}
}

func TestTicketIsOfTheNamespaceThatAPatternAllows(t *testing.T) {
	w, _ := ticketed(t)
	issued := issue(t, w, &realtimev1.IssueTicketRequest{Namespace: "/team-a"})
	if life := time.Until(issued.GetExpiresAt().AsTime()); life <= 29*time.Second || life > 30*time.Second {
		t.Errorf("lives for %v", life)
	}
	b := open(t, w.door, "", nil)
	b.send(`40{"ticket":"` + issued.GetTicket() + `"}`)
	b.want("44")
	b.send(`40/team-a,{"ticket":"` + issued.GetTicket() + `"}`)
	b.want("40/team-a,")
}

func TestTicketRequestsReportEveryFault(t *testing.T) {
	w, _ := ticketed(t)
	long := strings.Repeat("x", 257)
	for name, c := range map[string]struct {
		req  *realtimev1.IssueTicketRequest
		want []string
	}{
		"names": {
			&realtimev1.IssueTicketRequest{UserId: long, TokenId: "\x00", Rooms: []string{"a", ""}},
			[]string{"user_id", "token_id", "rooms[1]"},
		},
		"more rooms than a connection may be in": {
			&realtimev1.IssueTicketRequest{Rooms: []string{"1", "2", "3", "4", "5"}}, []string{"rooms"},
		},
		"metadata that is no JSON": {
			&realtimev1.IssueTicketRequest{Metadata: &structpb.Struct{
				Fields: map[string]*structpb.Value{"a": structpb.NewNumberValue(math.NaN())},
			}},
			[]string{"metadata"},
		},
		"too much metadata": {
			&realtimev1.IssueTicketRequest{Metadata: &structpb.Struct{
				Fields: map[string]*structpb.Value{"a": structpb.NewStringValue(strings.Repeat("x", ticket.MaxGrantBytes))},
			}},
			[]string{"metadata"},
		},
		"times": {
			&realtimev1.IssueTicketRequest{
				ConnectionExpiresAt: timestamppb.New(time.Now().Add(-time.Second)), Ttl: &durationpb.Duration{},
			},
			[]string{"connection_expires_at", "ttl"},
		},
		"no times": {
			&realtimev1.IssueTicketRequest{
				ConnectionExpiresAt: &timestamppb.Timestamp{Nanos: -1}, Ttl: &durationpb.Duration{Seconds: math.MaxInt64},
			},
			[]string{"connection_expires_at", "ttl"},
		},
		"too long a life": {&realtimev1.IssueTicketRequest{Ttl: durationpb.New(10*time.Minute + 1)}, []string{"ttl"}},
		"no life":         {&realtimev1.IssueTicketRequest{Ttl: durationpb.New(time.Second - 1)}, []string{"ttl"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.api.IssueTicket(t.Context(), c.req)
			var got []string
			for _, fault := range fields(err) {
				field, _, _ := strings.Cut(fault, ": ")
				got = append(got, field)
			}
			if reason(err) != "INVALID_REQUEST" || !slices.Equal(got, c.want) {
				t.Errorf("%v, fields %q, want %q", err, got, c.want)
			}
		})
	}
}

// away is a store that cannot be reached.
type away struct{}

func (away) Put(context.Context, string, []byte, time.Duration) error { return errors.New("s3cret") }

func (away) Take(context.Context, string) ([]byte, error) { return nil, errors.New("s3cret") }

func TestNoTicketsWhileTheStoreIsAway(t *testing.T) {
	w, office := ticketed(t)
	text := issue(t, w, &realtimev1.IssueTicketRequest{UserId: "ada"}).GetTicket()
	office.SetStore(away{})
	_, err := w.api.IssueTicket(t.Context(), &realtimev1.IssueTicketRequest{UserId: "ada"})
	if reason(err) != "CLUSTER_UNAVAILABLE" || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("issued: %v", err)
	}
	if !slices.ContainsFunc(status.Convert(err).Details(), func(detail any) bool {
		retry, ok := detail.(*errdetails.RetryInfo)
		return ok && retry.GetRetryDelay().AsDuration() > 0
	}) {
		t.Errorf("%v does not say when to try again", err)
	}
	b := open(t, w.door, "", nil)
	b.send(`40{"ticket":"` + text + `"}`)
	if told := b.want("44"); !strings.Contains(told, `"temporary":true`) || strings.Contains(told, "s3cret") {
		t.Errorf("a client is told %s", told)
	}
	if n := w.counter(t, "realtime_gateway_authentications_total", "/", "broken"); n != 1 {
		t.Errorf("%v counted as broken", n)
	}
}
