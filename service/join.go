package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// refusedRoom is a room that a client asked to join and may not.
type refusedRoom struct {
	Room string `json:"room"`
	Code string `json:"code"`
}

// moved is the acknowledgement of `join` and `leave`: what came of the rooms that
// the client named. It tells no others, which backends may have put it in.
type moved struct {
	Rooms   []string      `json:"rooms"`
	Refused []refusedRoom `json:"refused"`
}

func (m *moved) ack() []sio.Arg {
	m.Rooms, m.Refused = append([]string{}, m.Rooms...), append([]refusedRoom{}, m.Refused...) // [] instead of null
	return []sio.Arg{jsonOf(m)}
}

func (m *moved) refuse(room, code string) {
	m.Refused = append(m.Refused, refusedRoom{room, code})
}

// move takes a client's wish to join or leave rooms.
func (g *Gateway) move(ctx context.Context, policy Policy, s *sio.Socket, e *sio.ClientEvent) ([]sio.Arg, *failure) {
	rooms, failed := askedRooms(e, policy.Join.MaxRequest)
	if failed != nil {
		return nil, failed
	}
	if e.Name == policy.Join.Events.Leave {
		s.Leave(rooms...)
		return (&moved{Rooms: rooms}).ack(), nil
	}
	return g.join(ctx, policy, s, rooms)
}

// join makes a client a member of those of the rooms that it may join.
func (g *Gateway) join(ctx context.Context, policy Policy, s *sio.Socket, rooms []string) ([]sio.Arg, *failure) {
	var m moved
	var wanted []string
	for _, room := range rooms {
		if code := policy.Join.confine(room); code != "" {
			m.refuse(room, code)
			continue
		}
		wanted = append(wanted, room)
	}
	allowed, failed := permitted(ctx, policy, s, wanted)
	if failed != nil {
		return nil, failed
	}
	may := setOf(allowed)
	for _, room := range wanted {
		if may[room] {
			m.Rooms = append(m.Rooms, room)
		} else {
			m.refuse(room, RoomDenied)
		}
	}
	if failed := policy.Join.enter(s, m.Rooms); failed != nil {
		return nil, failed
	}
	for _, refused := range m.Refused {
		g.metrics.roomsRefused.WithLabelValues(s.Namespace().Pattern(), refused.Code).Inc()
	}
	g.settleRooms(ctx, s, m.Rooms)
	return m.ack(), nil
}

// permitted are those of the rooms that the policy allows.
func permitted(ctx context.Context, policy Policy, s *sio.Socket, rooms []string) ([]string, *failure) {
	switch {
	case len(rooms) == 0:
		return nil, nil
	case policy.Join.Policy == JoinOpen:
		return rooms, nil
	case policy.Join.Policy == JoinPatterns:
		return policy.Join.allowed(s.User(), rooms), nil
	case policy.Join.Policy == JoinBackend:
		return authorized(ctx, policy.Backend, s, rooms)
	}
	return nil, nil
}

// authorized asks the backend.
func authorized(ctx context.Context, b Backend, s *sio.Socket, rooms []string) ([]string, *failure) {
	reply, err := b.AuthorizeJoin(ctx, &realtimev1.AuthorizeJoinRequest{Context: requestContext(s), Rooms: rooms})
	if err != nil {
		return nil, backendFailure(err)
	}
	asked := setOf(rooms)
	for i, room := range reply.GetAllowedRooms() {
		if !asked[room] {
			return nil, invalidReply(fmt.Errorf("allowed_rooms[%d] was not asked for", i))
		}
	}
	return reply.GetAllowedRooms(), nil
}

// enter makes a client a member of all of the rooms, or of none.
func (p *JoinPolicy) enter(s *sio.Socket, rooms []string) *failure {
	full := &failure{Code: codeTooManyRooms, Reason: "The connection would be in too many rooms"}
	if len(rooms) > 0 {
		all := append(s.Rooms(), rooms...)
		slices.Sort(all)
		if len(slices.Compact(all)) > p.MaxRooms {
			return full
		}
	}
	if err := s.Join(rooms...); errors.Is(err, sio.ErrTooManyRooms) {
		return full
	}
	return nil
}

// askedRooms are the rooms that a client names, each once.
func askedRooms(e *sio.ClientEvent, most int) ([]string, *failure) {
	var payload struct {
		Rooms []json.RawMessage `json:"rooms"`
	}
	if len(e.Args) != 1 || json.Unmarshal(e.Args[0].JSON, &payload) != nil {
		return nil, invalidPayload(`The payload must be {"rooms": [names]}`)
	}
	if n := len(payload.Rooms); n == 0 || n > most {
		return nil, invalidPayload(fmt.Sprintf("rooms must have 1 to %d names", most))
	}
	var rooms []string
	named := map[string]bool{}
	for i, raw := range payload.Rooms {
		var room *string
		if json.Unmarshal(raw, &room) != nil || room == nil {
			return nil, invalidPayload(fmt.Sprintf("rooms[%d] is no name", i))
		}
		if !named[*room] {
			named[*room] = true
			rooms = append(rooms, *room)
		}
	}
	return rooms, nil
}

func setOf(names []string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}
