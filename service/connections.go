package service

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"

	clusterv1 "github.com/seed52a35d2d/realtime-server/gen/realtime/cluster/v1"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// Disconnect ends every connection of a target.
func (s *Service) Disconnect(
	ctx context.Context, req *realtimev1.DisconnectRequest,
) (*realtimev1.DisconnectResponse, error) {
	c := s.check()
	target := c.target(req.GetTarget())
	how := c.disconnect(req)
	ns, err := s.begin(c, req.GetTarget().GetNamespace())
	if err != nil {
		return nil, err
	}
	matched, err := ns.Disconnect(target, how)
	if err != nil {
		return nil, c.unsound()
	}
	resp := &realtimev1.DisconnectResponse{Matched: int64(matched)}
	call := &clusterv1.Call{Request: &clusterv1.Call_Disconnect{Disconnect: req}}
	resp.Coverage, err = s.ask(ctx, ns, target, call, func(r *clusterv1.Reply) {
		resp.Matched += r.GetDisconnect().GetMatched()
	})
	return ok(resp, err)
}

// GetConnection returns one connection.
func (s *Service) GetConnection(
	ctx context.Context, req *realtimev1.GetConnectionRequest,
) (*realtimev1.GetConnectionResponse, error) {
	c := s.check()
	c.name("connection_id", req.GetConnectionId())
	ns, err := s.find(c, req.GetNamespace())
	if err != nil {
		return nil, err
	}
	if socket, here := ns.Socket(req.GetConnectionId()); here {
		return &realtimev1.GetConnectionResponse{Connection: connectionOf(socket, s.nodeID)}, nil
	}
	var resp *realtimev1.GetConnectionResponse
	call := &clusterv1.Call{Request: &clusterv1.Call_GetConnection{GetConnection: req}}
	ctx, found := context.WithCancel(ctx)
	defer found()
	coverage, err := s.ask(ctx, ns, sio.Target{IDs: []string{req.GetConnectionId()}}, call, func(r *clusterv1.Reply) {
		if r.GetGetConnection() != nil {
			resp = r.GetGetConnection()
			found() // others have nothing to add
		}
	})
	switch {
	case resp != nil:
		return resp, nil
	case err != nil || coverage.GetPartial():
		return nil, errClusterUnavailable
	}
	return nil, errConnectionNotFound
}

// ListConnections lists the connections of a namespace.
func (s *Service) ListConnections(
	ctx context.Context, req *realtimev1.ListConnectionsRequest,
) (*realtimev1.ListConnectionsResponse, error) {
	c := s.check()
	filter := c.filter(req.GetRoom(), req.GetUserId())
	at := c.cursor(connectionsToken, req.GetPageSize(), req.GetPageToken())
	ns, err := s.find(c, req.GetNamespace())
	if err != nil {
		return nil, err
	}
	all, more := s.connections(at, filter, ns)
	at.more = more
	call := &clusterv1.Call{Request: &clusterv1.Call_ListConnections{ListConnections: req}}
	coverage := s.read(ctx, ns, filter.target(), call, func(r *clusterv1.Reply) {
		all = append(all, r.GetListConnections().GetConnections()...)
		if r.GetListConnections().GetNextPageToken() != "" {
			at.more = true
		}
	})
	resp := &realtimev1.ListConnectionsResponse{Coverage: coverage}
	resp.Connections, resp.NextPageToken = page(at, all, (*realtimev1.Connection).GetId)
	return resp, nil
}

// connections is this node's page, and whether there are more.
func (s *Service) connections(at cursor, f filter, ns *sio.Namespace) (all []*realtimev1.Connection, more bool) {
	sockets, next := page(at, f.sockets(ns), (*sio.Socket).ID)
	for _, socket := range sockets {
		all = append(all, connectionOf(socket, s.nodeID))
	}
	return all, next != ""
}

// CountConnections counts the connections of a namespace.
func (s *Service) CountConnections(
	ctx context.Context, req *realtimev1.CountConnectionsRequest,
) (*realtimev1.CountConnectionsResponse, error) {
	c := s.check()
	filter := c.filter(req.GetRoom(), req.GetUserId())
	ns, err := s.find(c, req.GetNamespace())
	if err != nil {
		return nil, err
	}
	local := countOf(filter.sockets(ns))
	connections, users := local.GetConnections(), map[uint64]bool{}
	count := func(c *clusterv1.Counted) {
		for _, user := range c.GetUsers() {
			users[user] = true
		}
	}
	count(local)
	call := &clusterv1.Call{Request: &clusterv1.Call_CountConnections{CountConnections: req}}
	coverage := s.read(ctx, ns, filter.target(), call, func(r *clusterv1.Reply) {
		connections += r.GetCountConnections().GetConnections()
		count(r.GetCountConnections())
	})
	return &realtimev1.CountConnectionsResponse{Connections: connections, Users: int64(len(users)), Coverage: coverage}, nil
}

// countOf counts connections, and notes whose they are.
func countOf(sockets []*sio.Socket) *clusterv1.Counted {
	users := map[uint64]bool{}
	for _, socket := range sockets {
		if user := socket.User(); user != "" {
			users[hashOf(user)] = true
		}
	}
	return &clusterv1.Counted{Connections: int64(len(sockets)), Users: slices.Collect(maps.Keys(users))}
}

// hashOf is the same on all nodes. Among ten million users there is one pair
// with the same hash in three hundred thousand counts.
func hashOf(user string) uint64 {
	sum := sha256.Sum256([]byte(user))
	return binary.BigEndian.Uint64(sum[:])
}

// filter is the conditions of a read; an empty one is none.
type filter struct {
	room, user string
}

// target concerns the nodes that can have what the filter lets through.
func (f filter) target() sio.Target {
	switch {
	case f.user != "":
		return sio.Target{Users: []string{f.user}}
	case f.room != "":
		return sio.Target{Rooms: []string{f.room}}
	default:
		return sio.Target{Everyone: true}
	}
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
