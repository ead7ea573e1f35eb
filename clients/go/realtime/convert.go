package realtime

import (
	"encoding/json"
	"fmt"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

func requestContextFromProto(c *realtimev1.RequestContext) RequestContext {
	out := RequestContext{
		ConnectionID: c.GetConnectionId(),
		Namespace:    c.GetNamespace(),
		NodeID:       c.GetNodeId(),
		Generation:   c.GetGeneration(),
		UserID:       c.GetUserId(),
		Attempt:      c.GetAttempt(),
	}
	if c.GetMetadata() != nil {
		out.Metadata = c.GetMetadata().AsMap()
	}
	return out
}

func handshakeFromProto(h *realtimev1.Handshake) Handshake {
	claims, observed := h.GetClaims(), h.GetObserved()
	return Handshake{
		Claims: Claims{
			Auth:    json.RawMessage(claims.GetAuthJson()),
			Query:   claims.GetQuery(),
			Headers: claims.GetHeaders(),
		},
		Observed: Observed{
			RemoteAddress: observed.GetRemoteAddress(),
			Secure:        observed.GetSecure(),
			Transport:     observed.GetTransport(),
			Time:          observed.GetTime().AsTime(),
			URL:           observed.GetUrl(),
			CrossOrigin:   observed.GetCrossOrigin(),
		},
	}
}

func (a Accept) proto() (*realtimev1.AuthenticateResponse, error) {
	accept := &realtimev1.Accept{UserId: a.UserID, Rooms: a.Rooms, TokenId: a.TokenID}
	var err error
	if accept.Events, err = eventsProto(a.Events); err != nil {
		return nil, err
	}
	if a.Metadata != nil {
		accept.Metadata = new(structpb.Struct)
		if err := viaJSON(a.Metadata, accept.Metadata); err != nil {
			return nil, fmt.Errorf("metadata: %w", err)
		}
	}
	if !a.ExpiresAt.IsZero() {
		accept.ExpiresAt = timestamppb.New(a.ExpiresAt)
	}
	return &realtimev1.AuthenticateResponse{Result: &realtimev1.AuthenticateResponse_Accept{Accept: accept}}, nil
}

func (r *Refusal) proto() (*realtimev1.AuthenticateResponse, error) {
	refuse := &realtimev1.Refuse{Code: r.Code, Message: r.Message}
	if r.Data != nil {
		refuse.Data = new(structpb.Value)
		if err := viaJSON(r.Data, refuse.Data); err != nil {
			return nil, fmt.Errorf("data of refusal %s: %w", r.Code, err)
		}
	}
	return &realtimev1.AuthenticateResponse{Result: &realtimev1.AuthenticateResponse_Refuse{Refuse: refuse}}, nil
}

// viaJSON copies a Go value into a Struct or Value. Their own constructors
// take maps and slices of any only, neither []string nor a struct.
func viaJSON(from any, to proto.Message) error {
	text, err := json.Marshal(from)
	if err != nil {
		return err
	}
	return protojson.Unmarshal(text, to)
}
