package realtime

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

// TicketRequest says who the client will be that connects with a ticket.
type TicketRequest struct {
	Namespace string         // the only one that the ticket is for; empty means "/"
	UserID    string         // empty for an anonymous connection
	Rooms     []string       // joined before the client is told that it is connected
	Metadata  map[string]any // private to backends; anything that JSON can hold

	ConnectionExpiresAt time.Time     // when the connection ends; zero: never
	TokenID             string        // names the credential, so that it can be revoked; empty: no name
	TTL                 time.Duration // how long the ticket may be shown; zero: 30 s
}

// Ticket lets one client in, once.
type Ticket struct {
	Text      string    // what the client shows, as `auth: {ticket: text}`
	ExpiresAt time.Time // until when
}

// IssueTicket makes a ticket for one connection. Hand it, over TLS, to a client
// that has logged in with you.
func (c *Client) IssueTicket(ctx context.Context, who TicketRequest) (Ticket, error) {
	req := &realtimev1.IssueTicketRequest{
		Namespace: who.Namespace,
		UserId:    who.UserID,
		Rooms:     who.Rooms,
		TokenId:   who.TokenID,
	}
	if who.Metadata != nil {
		req.Metadata = new(structpb.Struct)
		if err := viaJSON(who.Metadata, req.Metadata); err != nil {
			return Ticket{}, fmt.Errorf("metadata: %w", err)
		}
	}
	if !who.ConnectionExpiresAt.IsZero() {
		req.ConnectionExpiresAt = timestamppb.New(who.ConnectionExpiresAt)
	}
	if who.TTL != 0 {
		req.Ttl = durationpb.New(who.TTL)
	}
	res, err := c.api.IssueTicket(ctx, req)
	if err != nil {
		return Ticket{}, err
	}
	return Ticket{Text: res.GetTicket(), ExpiresAt: res.GetExpiresAt().AsTime()}, nil
}
