package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/seed52a35d2d/realtime-server/authn"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// roomsPayload is the only argument of `join` and `leave`, and of their
// acknowledgement.
type roomsPayload struct {
	Rooms []string `json:"rooms"`
}

// join makes a client a member of the rooms that it asks for.
func (g *Gateway) join(_ context.Context, s *sio.Socket, e *sio.ClientEvent) ([]sio.Arg, *failure) {
	rooms, err := g.askedRooms(e)
	if err != nil {
		return nil, err
	}
	if err := s.Join(rooms...); errors.Is(err, sio.ErrTooManyRooms) {
		return nil, &failure{Code: codeTooManyRooms, Reason: "The connection would be in too many rooms"}
	}
	return currentRooms(s), nil
}

// leave ends a client's membership in the rooms that it names.
func (g *Gateway) leave(_ context.Context, s *sio.Socket, e *sio.ClientEvent) ([]sio.Arg, *failure) {
	rooms, err := g.askedRooms(e)
	if err != nil {
		return nil, err
	}
	s.Leave(rooms...)
	return currentRooms(s), nil
}

func currentRooms(s *sio.Socket) []sio.Arg {
	text, _ := json.Marshal(roomsPayload{s.Rooms()}) // strings: cannot fail
	return []sio.Arg{{JSON: text}}
}

func (g *Gateway) askedRooms(e *sio.ClientEvent) ([]string, *failure) {
	var payload roomsPayload
	if len(e.Args) != 1 || json.Unmarshal(e.Args[0].JSON, &payload) != nil {
		return nil, invalidPayload(`The payload must be {"rooms": [names]}`)
	}
	if n := len(payload.Rooms); n == 0 || n > g.cfg.MaxNames {
		return nil, invalidPayload(fmt.Sprintf("rooms must have 1 to %d names", g.cfg.MaxNames))
	}
	for i, room := range payload.Rooms {
		if err := authn.CheckName(room); err != nil {
			return nil, invalidPayload(fmt.Sprintf("rooms[%d] %v", i, err))
		}
	}
	return payload.Rooms, nil
}
