package service

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/seed52a35d2d/realtime-server/authn"
	"github.com/seed52a35d2d/realtime-server/authn/ticket"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/service/apierror"
)

// Tickets is what IssueTicket needs.
type Tickets struct {
	// Office issues them.
	Office *ticket.Office
	// Taken are the namespaces that take them, by sio.Namespace.Pattern.
	Taken map[string]bool
	// MaxRooms is how many rooms a connection may be in.
	MaxRooms int
}

// The errors of IssueTicket alone. That Redis is away is CLUSTER_UNAVAILABLE.
var (
	errTicketsNotTaken = apierror.New(realtimev1.ErrorReason_ERROR_REASON_TICKETS_NOT_TAKEN,
		"the namespace takes no tickets: name ticket in its chain")
	errTooManyTickets = apierror.New(realtimev1.ErrorReason_ERROR_REASON_TOO_MANY_TICKETS,
		"the server keeps as many tickets as it may",
		&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Second)})
	errTicketsAway = apierror.New(realtimev1.ErrorReason_ERROR_REASON_CLUSTER_UNAVAILABLE,
		"Redis cannot be reached, so no ticket was issued",
		&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Second)})
)

// SetTickets lets the API issue tickets. It is called before callers come.
func (s *Service) SetTickets(t Tickets) { s.tickets = t }

// IssueTicket makes a ticket for one connection to a namespace.
func (s *Service) IssueTicket(
	ctx context.Context, req *realtimev1.IssueTicketRequest,
) (*realtimev1.IssueTicketResponse, error) {
	c := s.check()
	who, life := c.bearer(req, s.tickets.MaxRooms), c.ticketLife(req.GetTtl())
	ns, err := s.begin(c, req.GetNamespace())
	if err != nil {
		return nil, err
	}
	if !s.tickets.Taken[ns.Pattern()] {
		return nil, errTicketsNotTaken
	}
	issued, err := s.tickets.Office.Issue(ctx, ns.Name(), who, life)
	switch {
	case errors.Is(err, ticket.ErrTooLarge):
		c.fault("metadata", "makes, together with the rooms, more than %d bytes", ticket.MaxGrantBytes)
		return nil, c.err()
	case errors.Is(err, ticket.ErrFull):
		return nil, errTooManyTickets
	case err != nil:
		return nil, errTicketsAway
	}
	return &realtimev1.IssueTicketResponse{Ticket: issued.Text, ExpiresAt: timestamppb.New(issued.ExpiresAt)}, nil
}

// bearer is whom a ticket lets in.
func (c *checker) bearer(req *realtimev1.IssueTicketRequest, maxRooms int) authn.Identity {
	c.optionalName("user_id", req.GetUserId())
	c.optionalName("token_id", req.GetTokenId())
	rooms := c.names("rooms", req.GetRooms())
	if maxRooms > 0 && len(rooms) > maxRooms { // zero: no namespace takes tickets
		c.fault("rooms", "has %d names, more than a connection may be in, %d", len(rooms), maxRooms)
	}
	return authn.Identity{
		User: req.GetUserId(), Rooms: rooms, TokenID: req.GetTokenId(),
		Metadata:  c.metadata("metadata", req.GetMetadata()),
		ExpiresAt: c.later("connection_expires_at", req.GetConnectionExpiresAt()),
	}
}

func (c *checker) metadata(field string, m *structpb.Struct) json.RawMessage {
	if m == nil {
		return nil
	}
	text, err := protojson.Marshal(m)
	if err != nil {
		c.fault(field, "is no JSON: %v", err)
	}
	return text
}

// later reads a time that lies ahead, the zero one if it is unset.
func (c *checker) later(field string, t *timestamppb.Timestamp) time.Time {
	switch {
	case t == nil:
		return time.Time{}
	case t.CheckValid() != nil:
		c.fault(field, "is no time")
	case !t.AsTime().After(time.Now()):
		c.fault(field, "must lie ahead")
	}
	return t.AsTime()
}

// ticketLife is how long a ticket may be shown.
func (c *checker) ticketLife(d *durationpb.Duration) time.Duration {
	if d == nil {
		return ticket.DefaultLife
	}
	life := d.AsDuration()
	if d.CheckValid() != nil || life < ticket.MinLife || life > ticket.MaxLife {
		c.fault("ttl", "must be %v to %v", ticket.MinLife, ticket.MaxLife)
	}
	return life
}
