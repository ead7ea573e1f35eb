package main

import (
	"context"
	"crypto/rand"
	"slices"
	"time"

	"github.com/seed52a35d2d/realtime-server/clients/go/realtime"
)

// lobby is the room that everyone is in, and the one whose history is kept.
const lobby = "lobby"

const (
	maxRoom = 32   // bytes of a room's name
	maxText = 1000 // bytes of a message's text
)

// users are the people of this chat, by their tokens.
var users = map[string]string{"alice-token": "alice", "bob-token": "bob"}

// chat answers the calls of realtime-server.
type chat struct {
	realtime *realtime.Client
	history  history
}

// message is what the event `message` brings to clients.
type message struct {
	ID   string `json:"id"`
	Room string `json:"room"`
	From string `json:"from"`
	Text string `json:"text"`
	At   int64  `json:"at"` // Unix time in milliseconds
}

func (c *chat) authenticate(_ context.Context, req realtime.AuthRequest) (realtime.Accept, error) {
	user, ok := users[req.Claims.Token()]
	if !ok {
		return realtime.Accept{}, realtime.Refuse("BAD_TOKEN", "Unknown token",
			map[string]string{"hint": "try alice-token or bob-token"})
	}
	return realtime.Accept{UserID: user, Rooms: []string{lobby}}, nil
}

// welcome sends the lobby's history. The client has been in the lobby since it
// was accepted, so it misses nothing; what is sent right now may reach it
// twice, and is recognised by its id.
func (c *chat) welcome(context.Context, realtime.ConnectedRequest) (realtime.Welcome, error) {
	history := realtime.NewEvent("history", c.history.all())
	return realtime.Welcome{Events: []realtime.Event{history}}, nil
}

// event answers with one argument: {ok: true, …} or {error: {code, reason}}.
func (c *chat) event(ctx context.Context, req realtime.EventRequest) ([]any, error) {
	switch req.Event.Name {
	case "room:enter":
		return c.enter(ctx, req)
	case "message":
		return c.message(ctx, req)
	default:
		return refuse("UNKNOWN_EVENT", "No such event"), nil
	}
}

func (c *chat) enter(ctx context.Context, req realtime.EventRequest) ([]any, error) {
	var in struct{ Room string }
	decoded := req.Event.Decode(0, &in) == nil
	if !decoded || in.Room == "" || len(in.Room) > maxRoom {
		return refuse("BAD_ROOM", "The argument is {room}, a name of 1 to 32 bytes"), nil
	}
	if _, err := c.realtime.JoinRoom(ctx, realtime.Connections(req.ConnectionID), in.Room); err != nil {
		return nil, err
	}
	return []any{map[string]any{"ok": true}}, nil
}

func (c *chat) message(ctx context.Context, req realtime.EventRequest) ([]any, error) {
	var in struct{ Room, Text string }
	decoded := req.Event.Decode(0, &in) == nil
	if !decoded || in.Room == "" || in.Text == "" || len(in.Text) > maxText {
		return refuse("BAD_MESSAGE", "The argument is {room, text}, a text of 1 to 1000 bytes"), nil
	}
	member, err := c.isMember(ctx, req, in.Room)
	if err != nil {
		return nil, err
	}
	if !member {
		return refuse("NOT_IN_ROOM", "Enter the room first"), nil
	}
	m := message{ID: rand.Text(), Room: in.Room, From: req.UserID, Text: in.Text, At: time.Now().UnixMilli()}
	if err := c.publish(ctx, m); err != nil {
		return nil, err
	}
	return []any{map[string]any{"ok": true, "id": m.ID}}, nil
}

// isMember asks the server, which knows: a second list here could only be
// wrong.
func (c *chat) isMember(ctx context.Context, req realtime.EventRequest, room string) (bool, error) {
	connection, err := c.realtime.GetConnection(ctx, req.Namespace, req.ConnectionID)
	if err != nil {
		return false, err
	}
	return slices.Contains(connection.GetRooms(), room), nil
}

// publish writes the history first: whoever enters the lobby too late for Send
// then finds the message in the history.
func (c *chat) publish(ctx context.Context, m message) error {
	if m.Room == lobby {
		c.history.add(m)
	}
	_, err := c.realtime.Send(ctx, realtime.Rooms(m.Room), realtime.NewEvent("message", m))
	return err
}

func (c *chat) left(ctx context.Context, req realtime.DisconnectedRequest) error {
	_, err := c.realtime.Send(ctx, realtime.Rooms(lobby),
		realtime.NewEvent("left", map[string]string{"user": req.UserID}))
	return err
}

// refuse is the acknowledgement of a request that breaks a rule of the chat.
func refuse(code, reason string) []any {
	return []any{map[string]any{"error": map[string]string{"code": code, "reason": reason}}}
}
