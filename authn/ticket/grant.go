package ticket

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/seed52a35d2d/realtime-server/authn"
)

// grant is what lies in a store. Nodes of other versions read it: fields may be
// added, and never change.
type grant struct {
	User      string          `json:"user,omitempty"`
	Rooms     []string        `json:"rooms,omitempty"`
	Metadata  json.RawMessage `json:"metadata,omitempty"`
	ExpiresAt time.Time       `json:"expires_at,omitzero"`
	TokenID   string          `json:"token_id,omitempty"`
	IssuedAt  time.Time       `json:"issued_at,omitzero"`
}

func encode(who authn.Identity) ([]byte, error) {
	value, err := json.Marshal(grant{who.User, who.Rooms, who.Metadata, who.ExpiresAt, who.TokenID, who.IssuedAt})
	if err != nil {
		return nil, fmt.Errorf("encode grant: %w", err)
	}
	if len(value) > MaxGrantBytes {
		return nil, ErrTooLarge
	}
	return value, nil
}

func decode(value []byte) (authn.Identity, error) {
	var g grant
	if err := json.Unmarshal(value, &g); err != nil {
		return authn.Identity{}, fmt.Errorf("decode grant: %w", err)
	}
	if g.Metadata != nil && g.Metadata[0] != '{' {
		return authn.Identity{}, errors.New("decode grant: metadata is no object")
	}
	return authn.Identity{
		User: g.User, Rooms: g.Rooms, Metadata: g.Metadata, ExpiresAt: g.ExpiresAt, TokenID: g.TokenID, IssuedAt: g.IssuedAt,
	}, nil
}
