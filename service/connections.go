package service

import (
	"context"
	"slices"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// Disconnect ends every connection of a target.
func (s *Service) Disconnect(
	_ context.Context, req *realtimev1.DisconnectRequest,
) (*realtimev1.DisconnectResponse, error) {
	c := s.check()
	target := c.target(req.GetTarget())
	c.reason(req.GetReason())
	how := sio.Disconnect{Reconnect: req.GetAllowReconnect(), Detail: req.GetReason()}
	if req.GetLastEvent() != nil {
		how.Last = c.requestEvent("last_event", req.GetLastEvent())
	}
	ns, err := s.begin(c, req.GetTarget().GetNamespace())
	if err != nil {
		return nil, err
	}
	matched, err := ns.Disconnect(target, how)
	if err != nil {
		return nil, c.unsound()
	}
	return &realtimev1.DisconnectResponse{Matched: int64(matched)}, nil
}

// GetConnection returns one connection.
func (s *Service) GetConnection(
	_ context.Context, req *realtimev1.GetConnectionRequest,
) (*realtimev1.GetConnectionResponse, error) {
	c := s.check()
	c.name("connection_id", req.GetConnectionId())
	ns, err := s.find(c, req.GetNamespace())
	if err != nil {
		return nil, err
	}
	socket, ok := ns.Socket(req.GetConnectionId())
	if !ok {
		return nil, errConnectionNotFound
	}
	return &realtimev1.GetConnectionResponse{Connection: connectionOf(socket, s.nodeID)}, nil
}

// ListConnections lists the connections of a namespace.
func (s *Service) ListConnections(
	_ context.Context, req *realtimev1.ListConnectionsRequest,
) (*realtimev1.ListConnectionsResponse, error) {
	c := s.check()
	filter := c.filter(req.GetRoom(), req.GetUserId())
	at := c.cursor(connectionsToken, req.GetPageSize(), req.GetPageToken())
	ns, err := s.find(c, req.GetNamespace())
	if err != nil {
		return nil, err
	}
	resp := &realtimev1.ListConnectionsResponse{Coverage: alone()}
	sockets, next := page(at, filter.sockets(ns), (*sio.Socket).ID)
	for _, socket := range sockets {
		resp.Connections = append(resp.Connections, connectionOf(socket, s.nodeID))
	}
	resp.NextPageToken = next
	return resp, nil
}

// CountConnections counts the connections of a namespace.
func (s *Service) CountConnections(
	_ context.Context, req *realtimev1.CountConnectionsRequest,
) (*realtimev1.CountConnectionsResponse, error) {
	c := s.check()
	filter := c.filter(req.GetRoom(), req.GetUserId())
	ns, err := s.find(c, req.GetNamespace())
	if err != nil {
		return nil, err
	}
	sockets, users := filter.sockets(ns), map[string]bool{}
	for _, socket := range sockets {
		if socket.User() != "" {
			users[socket.User()] = true
		}
	}
	return &realtimev1.CountConnectionsResponse{
		Connections: int64(len(sockets)),
		Users:       int64(len(users)),
		Coverage:    alone(),
	}, nil
}

// filter is the conditions of a read; an empty one is none.
type filter struct {
	room, user string
}

func (f filter) sockets(ns *sio.Namespace) []*sio.Socket {
	switch {
	case f.user == "" && f.room == "":
		return ns.Sockets(sio.Target{Everyone: true})
	case f.user == "":
		return ns.Sockets(sio.Target{Rooms: []string{f.room}})
	case f.room == "":
		return ns.Sockets(sio.Target{Users: []string{f.user}})
	}
	// A user has few connections, a room may have many.
	members := ns.Sockets(sio.Target{Users: []string{f.user}})
	return slices.DeleteFunc(members, func(s *sio.Socket) bool {
		return !slices.Contains(s.Rooms(), f.room)
	})
}
