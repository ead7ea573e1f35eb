package jwt

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/seed52a35d2d/realtime-server/authn"
	"github.com/seed52a35d2d/realtime-server/authn/place"
)

// identity returns what claims make of a client. The values of claims stay out
// of its errors.
func (c Claims) identity(claims map[string]any) (authn.Identity, error) {
	user, isName := nameOf(place.Lookup(claims, c.User))
	if !isName {
		return authn.Identity{}, fmt.Errorf("claim %q is no name of a user", c.User)
	}
	rooms, err := c.roomsOf(claims)
	if err != nil {
		return authn.Identity{}, err
	}
	token, err := tokenIDOf(claims)
	if err != nil {
		return authn.Identity{}, err
	}
	metadata, err := c.metadataOf(claims)
	return authn.Identity{User: user, Rooms: rooms, Metadata: metadata, TokenID: token}, err
}

// tokenIDOf is by what name the token can be revoked. A name that nobody could
// say is worse than none.
func tokenIDOf(claims map[string]any) (string, error) {
	value := claims["jti"]
	if value == nil || value == "" {
		return "", nil
	}
	id, isName := nameOf(value)
	if !isName || authn.CheckName(id) != nil {
		return "", errors.New("claim \"jti\" is no name of a token")
	}
	return id, nil
}

// nameOf takes strings and whole numbers, which many databases count users by.
func nameOf(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, v != ""
	case json.Number:
		return v.String(), !strings.ContainsAny(v.String(), ".eE")
	}
	return "", false
}

func (c Claims) roomsOf(claims map[string]any) ([]string, error) {
	if c.Rooms == "" {
		return nil, nil
	}
	var all []any
	switch v := place.Lookup(claims, c.Rooms).(type) {
	case nil:
		return nil, nil
	case []any:
		all = v
	default:
		all = []any{v}
	}
	rooms := make([]string, 0, len(all))
	for _, one := range all {
		room, isName := nameOf(one)
		if !isName {
			return nil, fmt.Errorf("claim %q is no list of rooms", c.Rooms)
		}
		rooms = append(rooms, c.RoomPrefix+room)
	}
	return rooms, nil
}

func (c Claims) metadataOf(claims map[string]any) (json.RawMessage, error) {
	metadata := map[string]any{}
	for name, path := range c.Metadata {
		if value := place.Lookup(claims, path); value != nil {
			metadata[name] = value
		}
	}
	if len(metadata) == 0 {
		return nil, nil
	}
	text, err := json.Marshal(metadata)
	if err != nil || json.Unmarshal(text, &map[string]any{}) != nil {
		return nil, errors.New("the claims of metadata hold a number that nobody can read")
	}
	return text, nil
}
