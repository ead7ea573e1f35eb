package service

import (
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/seed52a35d2d/realtime-server/authn"
	"github.com/seed52a35d2d/realtime-server/authn/wire"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/sio"
)

func connectionOf(s *sio.Socket, nodeID string) *realtimev1.Connection {
	m := memberOf(s)
	return &realtimev1.Connection{
		Id:            s.ID(),
		Namespace:     s.Namespace().Name(),
		UserId:        s.User(),
		Rooms:         s.Rooms(),
		Metadata:      m.metadata,
		ConnectedAt:   timestamppb.New(s.ConnectedAt()),
		ExpiresAt:     timestampOf(m.expiresAt),
		Transport:     s.Transport(),
		RemoteAddress: s.Handshake().RemoteAddress,
		NodeId:        nodeID,
		TokenId:       m.credential.Token,
	}
}

// timestampOf is nil for the zero time.
func timestampOf(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

func roomsOf(ns *sio.Namespace, prefix string) []*realtimev1.Room {
	var rooms []*realtimev1.Room
	for name, members := range ns.Rooms() {
		if strings.HasPrefix(name, prefix) {
			rooms = append(rooms, &realtimev1.Room{Name: name, Connections: int64(members)})
		}
	}
	return rooms
}

// requestContext says on whose behalf a backend is called. The node is added
// by the client of the backend.
func requestContext(s *sio.Socket) *realtimev1.RequestContext {
	return &realtimev1.RequestContext{
		ConnectionId: s.ID(),
		Namespace:    s.Namespace().Name(),
		UserId:       s.User(),
		Metadata:     memberOf(s).metadata,
	}
}

func clientEvent(e *sio.ClientEvent) *realtimev1.Event {
	return &realtimev1.Event{Name: e.Name, Args: argMessages(e.Args)}
}

func argMessages(args []sio.Arg) []*realtimev1.Arg {
	var messages []*realtimev1.Arg
	for _, arg := range args {
		messages = append(messages, argMessage(arg))
	}
	return messages
}

func argMessage(arg sio.Arg) *realtimev1.Arg { return wire.Message(authn.Arg(arg)) }
