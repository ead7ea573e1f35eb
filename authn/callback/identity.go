package callback

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/seed52a35d2d/realtime-server/authn"
	"github.com/seed52a35d2d/realtime-server/authn/wire"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

var errNoResult = errors.New("neither accept nor refuse")

// identityOf reads an Accept. The error says which part cannot be read.
func identityOf(accept *realtimev1.Accept) (authn.Identity, error) {
	identity := authn.Identity{User: accept.GetUserId(), Rooms: accept.GetRooms(), TokenID: accept.GetTokenId()}
	if accept.GetMetadata() != nil {
		metadata, err := protojson.Marshal(accept.GetMetadata())
		if err != nil {
			return authn.Identity{}, fmt.Errorf("metadata: %w", err)
		}
		identity.Metadata = metadata
	}
	if accept.GetExpiresAt() != nil {
		if err := accept.GetExpiresAt().CheckValid(); err != nil {
			return authn.Identity{}, fmt.Errorf("expires_at: %w", err)
		}
		identity.ExpiresAt = accept.GetExpiresAt().AsTime()
	}
	for i, message := range accept.GetEvents() {
		event, err := eventOf(message)
		if err != nil {
			return authn.Identity{}, fmt.Errorf("events[%d]: %w", i, err)
		}
		identity.Events = append(identity.Events, event)
	}
	return identity, nil
}

func eventOf(message *realtimev1.Event) (authn.Event, error) {
	expires, err := wire.Expiry(message.GetExpiresAfter())
	if err != nil {
		return authn.Event{}, fmt.Errorf("expires_after: %w", err)
	}
	event := authn.Event{Name: message.GetName(), Volatile: message.GetVolatile(), Plain: wire.Plain(message), Expires: expires}
	for i, a := range message.GetArgs() {
		arg, err := wire.Arg(a)
		if err != nil {
			return authn.Event{}, fmt.Errorf("args[%d]: %w", i, err)
		}
		event.Args = append(event.Args, arg)
	}
	return event, nil
}
