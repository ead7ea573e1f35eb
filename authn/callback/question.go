package callback

import (
	"fmt"

	"google.golang.org/protobuf/types/known/structpb"

	"github.com/seed52a35d2d/realtime-server/authn"
	"github.com/seed52a35d2d/realtime-server/authn/wire"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

var causes = map[authn.Cause]realtimev1.AuthenticateCause{
	authn.CauseConnect: realtimev1.AuthenticateCause_AUTHENTICATE_CAUSE_CONNECT,
	authn.CauseEvent:   realtimev1.AuthenticateCause_AUTHENTICATE_CAUSE_EVENT,
	authn.CauseRefresh: realtimev1.AuthenticateCause_AUTHENTICATE_CAUSE_REFRESH,
}

// questionOf is what the backend is asked about a client. The error says that
// what is known of the client is no metadata.
func questionOf(h authn.Handshake) (*realtimev1.AuthenticateRequest, error) {
	on := &realtimev1.RequestContext{ConnectionId: h.ConnectionID, Namespace: h.Namespace, UserId: h.Resident.User}
	if h.Resident.Metadata != nil {
		on.Metadata = &structpb.Struct{}
		if err := on.Metadata.UnmarshalJSON(h.Resident.Metadata); err != nil {
			return nil, fmt.Errorf("metadata: %w", err)
		}
	}
	return &realtimev1.AuthenticateRequest{
		Context:                on,
		Handshake:              wire.Handshake(h),
		RecoveringConnectionId: h.Recovering,
		Cause:                  causes[h.Cause],
		Payload:                wire.Payload(h.Payload),
	}, nil
}
