package service

import (
	"encoding/json"
	"time"

	"github.com/seed52a35d2d/realtime-server/authn"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// jsonOf is what a client is told, as an argument: strings, numbers, and what is
// made of them.
func jsonOf(told any) sio.Arg {
	text, _ := json.Marshal(told) // cannot fail
	return sio.Arg{JSON: text}
}

// stamp is a time as clients get it: ISO 8601, UTC, milliseconds.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// payloadOf is what a client sent with an event, as authenticators get it.
func payloadOf(e *sio.ClientEvent) []authn.Arg {
	args := make([]authn.Arg, len(e.Args))
	for i, arg := range e.Args {
		args[i] = authn.Arg(arg)
	}
	return args
}
