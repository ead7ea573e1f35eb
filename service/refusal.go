package service

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/seed52a35d2d/realtime-server/authn"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// Verdicts on clients, for the metrics.
const (
	accepted = "accepted"
	refused  = "refused"
	broken   = "broken" // nobody could tell
	left     = "left"   // the client did not wait for the answer
	late     = "late"   // there was no answer within EventMode.Timeout
)

func verdictOf(ctx context.Context, err error) string {
	var refusal *authn.Refusal
	switch {
	case err == nil:
		return accepted
	case ctx.Err() != nil:
		return left
	case errors.As(err, &refusal) && !refusal.Temporary:
		return refused
	}
	return broken
}

// tell puts a refusal into the words that the client is told: a message, and
// as data {code, reason, temporary}, beside the fields of the refusal's own
// data if that is an object.
func tell(err error) error {
	var refusal *authn.Refusal
	if !errors.As(err, &refusal) {
		return err
	}
	fields := map[string]json.RawMessage{}
	data := map[string]any{}
	switch {
	case !json.Valid(refusal.Data):
	case json.Unmarshal(refusal.Data, &fields) == nil && fields != nil:
		for name, value := range fields {
			data[name] = value
		}
	default:
		data["data"] = refusal.Data
	}
	data["code"], data["reason"], data["temporary"] = refusal.Code, refusal.Message, refusal.Temporary
	text, _ := json.Marshal(data) // valid JSON, strings and a bool: cannot fail
	return &sio.Refusal{Message: refusal.Message, Data: text, Close: refusal.Close}
}
