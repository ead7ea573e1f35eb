package service

import (
	"context"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

// JoinRoom makes every connection of a target a member of rooms.
func (s *Service) JoinRoom(
	_ context.Context, req *realtimev1.JoinRoomRequest,
) (*realtimev1.JoinRoomResponse, error) {
	c := s.check()
	target, rooms := c.target(req.GetTarget()), c.rooms(req.GetRooms())
	ns, err := s.begin(c, req.GetTarget().GetNamespace())
	if err != nil {
		return nil, err
	}
	matched, refused := ns.Join(target, rooms)
	if refused > 0 && refused == matched {
		return nil, errTooManyRooms
	}
	return &realtimev1.JoinRoomResponse{Matched: int64(matched), Refused: int64(refused)}, nil
}

// LeaveRoom ends the membership of every connection of a target in rooms.
func (s *Service) LeaveRoom(
	_ context.Context, req *realtimev1.LeaveRoomRequest,
) (*realtimev1.LeaveRoomResponse, error) {
	c := s.check()
	target, rooms := c.target(req.GetTarget()), c.rooms(req.GetRooms())
	ns, err := s.begin(c, req.GetTarget().GetNamespace())
	if err != nil {
		return nil, err
	}
	return &realtimev1.LeaveRoomResponse{Matched: int64(ns.Leave(target, rooms))}, nil
}

// ListRooms lists the rooms of a namespace that have members.
func (s *Service) ListRooms(
	_ context.Context, req *realtimev1.ListRoomsRequest,
) (*realtimev1.ListRoomsResponse, error) {
	c := s.check()
	c.optionalName("prefix", req.GetPrefix())
	at := c.cursor(roomsToken, req.GetPageSize(), req.GetPageToken())
	ns, err := s.find(c, req.GetNamespace())
	if err != nil {
		return nil, err
	}
	resp := &realtimev1.ListRoomsResponse{Coverage: alone()}
	resp.Rooms, resp.NextPageToken = page(at, roomsOf(ns, req.GetPrefix()), (*realtimev1.Room).GetName)
	return resp, nil
}
