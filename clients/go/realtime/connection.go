package realtime

import (
	"context"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

// Connection is one Socket.IO socket: one client in one namespace.
type Connection = realtimev1.Connection

// Joined counts the connections that [Client.JoinRoom] was for.
type Joined struct {
	Matched int64 // connections in the target
	Refused int64 // those that joined nothing, as they would be in too many rooms
}

// GetConnection returns one connection. An empty namespace means "/". If there
// is no such connection, the status is codes.NotFound.
func (c *Client) GetConnection(ctx context.Context, namespace, id string) (*Connection, error) {
	res, err := c.api.GetConnection(ctx, &realtimev1.GetConnectionRequest{Namespace: namespace, ConnectionId: id})
	return res.GetConnection(), err
}

// JoinRoom makes every connection of a target a member of rooms.
func (c *Client) JoinRoom(ctx context.Context, target Target, rooms ...string) (Joined, error) {
	res, err := c.api.JoinRoom(ctx, &realtimev1.JoinRoomRequest{Target: target.proto(), Rooms: rooms})
	return Joined{Matched: res.GetMatched(), Refused: res.GetRefused()}, err
}

// LeaveRoom ends the membership of every connection of a target in rooms. It
// returns how many connections the target has.
func (c *Client) LeaveRoom(ctx context.Context, target Target, rooms ...string) (int64, error) {
	res, err := c.api.LeaveRoom(ctx, &realtimev1.LeaveRoomRequest{Target: target.proto(), Rooms: rooms})
	return res.GetMatched(), err
}

// DisconnectOption changes one [Client.Disconnect].
type DisconnectOption func(*disconnectConfig)

type disconnectConfig struct {
	reason         string
	allowReconnect bool
	lastEvent      *Event // nil: none
}

// WithReason tells the server's log and [Backend].OnDisconnected why. Clients
// do not see it.
func WithReason(reason string) DisconnectOption {
	return func(c *disconnectConfig) { c.reason = reason }
}

// WithReconnect ends the connections so that stock clients come back by
// themselves. Without it they stay away until the application connects them.
func WithReconnect() DisconnectOption {
	return func(c *disconnectConfig) { c.allowReconnect = true }
}

// WithLastEvent delivers an event before the end.
func WithLastEvent(event Event) DisconnectOption {
	return func(c *disconnectConfig) { c.lastEvent = &event }
}

// Disconnect ends every connection of a target. It returns how many there
// were.
func (c *Client) Disconnect(ctx context.Context, target Target, opts ...DisconnectOption) (int64, error) {
	var cfg disconnectConfig
	for _, opt := range opts {
		opt(&cfg)
	}
	req := &realtimev1.DisconnectRequest{
		Target:         target.proto(),
		Reason:         cfg.reason,
		AllowReconnect: cfg.allowReconnect,
	}
	if cfg.lastEvent != nil {
		var err error
		if req.LastEvent, err = cfg.lastEvent.proto(); err != nil {
			return 0, err
		}
	}
	res, err := c.api.Disconnect(ctx, req)
	return res.GetMatched(), err
}
