package service

import (
	"context"

	clusterv1 "github.com/seed52a35d2d/realtime-server/gen/realtime/cluster/v1"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// JoinRoom makes every connection of a target a member of rooms.
func (s *Service) JoinRoom(
	ctx context.Context, req *realtimev1.JoinRoomRequest,
) (*realtimev1.JoinRoomResponse, error) {
	c := s.check()
	target, rooms := c.target(req.GetTarget()), c.rooms(req.GetRooms())
	ns, err := s.begin(c, req.GetTarget().GetNamespace())
	if err != nil {
		return nil, err
	}
	resp := join(ns, target, rooms)
	call := &clusterv1.Call{Request: &clusterv1.Call_JoinRoom{JoinRoom: req}}
	resp.Coverage, err = s.ask(ctx, ns, target, call, func(r *clusterv1.Reply) {
		resp.Matched += r.GetJoinRoom().GetMatched()
		resp.Refused += r.GetJoinRoom().GetRefused()
	})
	s.settledSoon(ctx, ns, rooms)
	switch {
	case err != nil:
		return nil, err
	case resp.GetRefused() > 0 && resp.GetRefused() == resp.GetMatched():
		return nil, errTooManyRooms
	}
	return resp, nil
}

// join makes the connections of this node join.
func join(ns *sio.Namespace, t sio.Target, rooms []string) *realtimev1.JoinRoomResponse {
	matched, refused := ns.Join(t, rooms)
	return &realtimev1.JoinRoomResponse{Matched: int64(matched), Refused: int64(refused)}
}

// LeaveRoom ends the membership of every connection of a target in rooms.
func (s *Service) LeaveRoom(
	ctx context.Context, req *realtimev1.LeaveRoomRequest,
) (*realtimev1.LeaveRoomResponse, error) {
	c := s.check()
	target, rooms := c.target(req.GetTarget()), c.rooms(req.GetRooms())
	ns, err := s.begin(c, req.GetTarget().GetNamespace())
	if err != nil {
		return nil, err
	}
	resp := &realtimev1.LeaveRoomResponse{Matched: int64(ns.Leave(target, rooms))}
	call := &clusterv1.Call{Request: &clusterv1.Call_LeaveRoom{LeaveRoom: req}}
	resp.Coverage, err = s.ask(ctx, ns, target, call, func(r *clusterv1.Reply) {
		resp.Matched += r.GetLeaveRoom().GetMatched()
	})
	return ok(resp, err)
}

// ListRooms lists the rooms of a namespace that have members.
func (s *Service) ListRooms(
	ctx context.Context, req *realtimev1.ListRoomsRequest,
) (*realtimev1.ListRoomsResponse, error) {
	c := s.check()
	c.optionalName("prefix", req.GetPrefix())
	at := c.cursor(roomsToken, req.GetPageSize(), req.GetPageToken())
	ns, err := s.find(c, req.GetNamespace())
	if err != nil {
		return nil, err
	}
	members := map[string]int64{}
	count := func(rooms []*realtimev1.Room) {
		for _, room := range rooms {
			members[room.GetName()] += room.GetConnections()
		}
	}
	count(roomsOf(ns, req.GetPrefix()))
	// Each node tells its first rooms behind the cursor: of those, the first of
	// all are complete.
	call := &clusterv1.Call{Request: &clusterv1.Call_ListRooms{ListRooms: req}}
	coverage := s.read(ctx, ns, sio.Target{Everyone: true}, call, func(r *clusterv1.Reply) {
		count(r.GetListRooms().GetRooms())
		if r.GetListRooms().GetNextPageToken() != "" {
			at.more = true
		}
	})
	resp := &realtimev1.ListRoomsResponse{Coverage: coverage}
	resp.Rooms, resp.NextPageToken = page(at, roomMessages(members), (*realtimev1.Room).GetName)
	return resp, nil
}

func roomMessages(members map[string]int64) []*realtimev1.Room {
	rooms := make([]*realtimev1.Room, 0, len(members))
	for name, n := range members {
		rooms = append(rooms, &realtimev1.Room{Name: name, Connections: n})
	}
	return rooms
}
