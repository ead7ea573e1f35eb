package service

import (
	"encoding/json"

	"github.com/seed52a35d2d/realtime-server/sio"
)

// DataOf is what is known of a connection beyond what its client has said, as
// JSON: Node's servers find it as the `data` of a socket.
func DataOf(s *sio.Socket) []byte {
	data := struct {
		User     string          `json:"user_id,omitempty"`
		Metadata json.RawMessage `json:"metadata,omitempty"`
	}{User: s.User()}
	if m := memberOf(s); m != nil && m.metadata != nil {
		data.Metadata, _ = m.metadata.MarshalJSON() // was JSON before
	}
	text, _ := json.Marshal(data) // cannot fail
	return text
}
