package service

import (
	"context"

	clusterv1 "github.com/seed52a35d2d/realtime-server/gen/realtime/cluster/v1"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/service/cluster"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// Do does a call of another node for the connections of this one (cluster.Node).
// The other node has checked it. What this node does not understand, because it
// is older, or has no such namespace, concerns none of its connections.
func (s *Service) Do(call *clusterv1.Call) (*clusterv1.Reply, cluster.Later) {
	switch r := call.GetRequest().(type) {
	case *clusterv1.Call_Send:
		c := s.check()
		return s.doEmit(c, emission{
			namespace: r.Send.GetTarget().GetNamespace(), target: c.target(r.Send.GetTarget()),
			event: c.requestEvent("event", r.Send.GetEvent()), level: c.level(r.Send.GetReportLevel()),
		})
	case *clusterv1.Call_Broadcast:
		c := s.check()
		return s.doEmit(c, emission{
			namespace: r.Broadcast.GetNamespace(), target: c.everyone(r.Broadcast),
			event: c.requestEvent("event", r.Broadcast.GetEvent()), level: c.level(r.Broadcast.GetReportLevel()),
		})
	case *clusterv1.Call_SendWithAck:
		return s.doAsk(r.SendWithAck)
	case *clusterv1.Call_JoinRoom:
		return s.doJoin(r.JoinRoom)
	case *clusterv1.Call_LeaveRoom:
		return s.doLeave(r.LeaveRoom), nil
	case *clusterv1.Call_Disconnect:
		return s.doDisconnect(r.Disconnect), nil
	case *clusterv1.Call_Revoke:
		return s.doRevoke(r.Revoke), nil
	case *clusterv1.Call_Receipt:
		return nil, s.doReceipt(r.Receipt)
	case *clusterv1.Call_LetGo:
		return nil, s.doLetGo(r.LetGo)
	default:
		return &clusterv1.Reply{}, s.doRead(call)
	}
}

// doEmit delivers an event. What became of the copies is found out later, so
// that the next call does not wait for it.
func (s *Service) doEmit(c *checker, e emission) (*clusterv1.Reply, cluster.Later) {
	none := &clusterv1.Reply{Response: &clusterv1.Reply_Report{Report: &realtimev1.DeliveryReport{Level: e.level}}}
	ns, err := s.find(c, e.namespace)
	if err != nil {
		return none, nil
	}
	delivery, err := e.deliverHere(ns)
	if err != nil {
		return none, nil
	}
	if e.level != realtimev1.ReportLevel_REPORT_LEVEL_WRITTEN {
		none.GetReport().Matched = int64(delivery.Matched)
		return none, nil
	}
	return nil, func(ctx context.Context, send func(*clusterv1.Reply)) {
		send(&clusterv1.Reply{Response: &clusterv1.Reply_Report{Report: reportOf(ctx, e.level, delivery)}})
	}
}

// doAsk delivers an event and tells what becomes of the acknowledgements: a
// start, a reply for each of them, and a last word.
func (s *Service) doAsk(req *realtimev1.SendWithAckRequest) (*clusterv1.Reply, cluster.Later) {
	c := s.check()
	target, event := c.target(req.GetTarget()), c.requestEvent("event", req.GetEvent())
	ns, err := s.find(c, req.GetTarget().GetNamespace())
	if err != nil {
		return ackReply(&realtimev1.SendWithAckResponse{Result: &realtimev1.SendWithAckResponse_Start{Start: &realtimev1.AckStart{}}}, false), nil
	}
	acks, err := ns.EmitWithAck(target, event, req.GetTimeout().AsDuration())
	if err != nil {
		return &clusterv1.Reply{}, nil // this node is silent about them
	}
	return nil, func(ctx context.Context, send func(*clusterv1.Reply)) {
		defer acks.Close()
		start := &realtimev1.AckStart{Matched: int64(acks.Matched)}
		send(ackReply(&realtimev1.SendWithAckResponse{Result: &realtimev1.SendWithAckResponse_Start{Start: start}}, true))
		for {
			ack, err := acks.Next(ctx)
			if err != nil {
				send(&clusterv1.Reply{})
				return
			}
			send(ackReply(ackMessage(ack), true))
		}
	}
}

func ackReply(ack *realtimev1.SendWithAckResponse, more bool) *clusterv1.Reply {
	return &clusterv1.Reply{Response: &clusterv1.Reply_Ack{Ack: ack}, More: more}
}

// doJoin replies when the new members are reached from everywhere.
func (s *Service) doJoin(req *realtimev1.JoinRoomRequest) (*clusterv1.Reply, cluster.Later) {
	c := s.check()
	reply := &clusterv1.Reply_JoinRoom{JoinRoom: &realtimev1.JoinRoomResponse{}}
	target, rooms := c.target(req.GetTarget()), c.rooms(req.GetRooms())
	ns, err := s.find(c, req.GetTarget().GetNamespace())
	if err != nil {
		return &clusterv1.Reply{Response: reply}, nil
	}
	reply.JoinRoom = join(ns, target, rooms)
	return nil, func(ctx context.Context, send func(*clusterv1.Reply)) {
		s.settled(ctx, ns, rooms)
		send(&clusterv1.Reply{Response: reply})
	}
}

func (s *Service) doLeave(req *realtimev1.LeaveRoomRequest) *clusterv1.Reply {
	c, resp := s.check(), &realtimev1.LeaveRoomResponse{}
	target, rooms := c.target(req.GetTarget()), c.rooms(req.GetRooms())
	if ns, err := s.find(c, req.GetTarget().GetNamespace()); err == nil {
		resp.Matched = int64(ns.Leave(target, rooms))
	}
	return &clusterv1.Reply{Response: &clusterv1.Reply_LeaveRoom{LeaveRoom: resp}}
}

func (s *Service) doDisconnect(req *realtimev1.DisconnectRequest) *clusterv1.Reply {
	c, resp := s.check(), &realtimev1.DisconnectResponse{}
	target := c.target(req.GetTarget())
	how := c.disconnect(req)
	if ns, err := s.find(c, req.GetTarget().GetNamespace()); err == nil {
		matched, _ := ns.Disconnect(target, how) // an unsound event was found by who was asked
		resp.Matched = int64(matched)
	}
	return &clusterv1.Reply{Response: &clusterv1.Reply_Disconnect{Disconnect: resp}}
}

// doRead answers a read, beside the calls that follow.
func (s *Service) doRead(call *clusterv1.Call) cluster.Later {
	return func(_ context.Context, send func(*clusterv1.Reply)) {
		reply := &clusterv1.Reply{}
		switch r := call.GetRequest().(type) {
		case *clusterv1.Call_GetConnection:
			s.readConnection(reply, r.GetConnection)
		case *clusterv1.Call_ListConnections:
			s.readConnections(reply, r.ListConnections)
		case *clusterv1.Call_ListRooms:
			s.readRooms(reply, r.ListRooms)
		case *clusterv1.Call_CountConnections:
			s.readCount(reply, r.CountConnections)
		}
		send(reply)
	}
}

func (s *Service) readConnection(reply *clusterv1.Reply, req *realtimev1.GetConnectionRequest) {
	ns, err := s.find(s.check(), req.GetNamespace())
	if err != nil {
		return
	}
	if socket, here := ns.Socket(req.GetConnectionId()); here {
		reply.Response = &clusterv1.Reply_GetConnection{GetConnection: &realtimev1.GetConnectionResponse{
			Connection: connectionOf(socket, s.nodeID),
		}}
	}
}

func (s *Service) readConnections(reply *clusterv1.Reply, req *realtimev1.ListConnectionsRequest) {
	c := s.check()
	at := c.cursor(connectionsToken, req.GetPageSize(), req.GetPageToken())
	ns, err := s.find(c, req.GetNamespace())
	if err != nil {
		return
	}
	resp := &realtimev1.ListConnectionsResponse{}
	var more bool
	if resp.Connections, more = s.connections(at, c.filter(req.GetRoom(), req.GetUserId()), ns); more {
		resp.NextPageToken = followed
	}
	reply.Response = &clusterv1.Reply_ListConnections{ListConnections: resp}
}

// followed stands for a token: another node only asks whether there is one.
const followed = "more"

func (s *Service) readRooms(reply *clusterv1.Reply, req *realtimev1.ListRoomsRequest) {
	c := s.check()
	at := c.cursor(roomsToken, req.GetPageSize(), req.GetPageToken())
	ns, err := s.find(c, req.GetNamespace())
	if err != nil {
		return
	}
	resp := &realtimev1.ListRoomsResponse{}
	resp.Rooms, resp.NextPageToken = page(at, roomsOf(ns, req.GetPrefix()), (*realtimev1.Room).GetName)
	reply.Response = &clusterv1.Reply_ListRooms{ListRooms: resp}
}

func (s *Service) readCount(reply *clusterv1.Reply, req *realtimev1.CountConnectionsRequest) {
	c := s.check()
	counted := &clusterv1.Counted{}
	if ns, err := s.find(c, req.GetNamespace()); err == nil {
		counted = countOf(c.filter(req.GetRoom(), req.GetUserId()).sockets(ns))
	}
	reply.Response = &clusterv1.Reply_CountConnections{CountConnections: counted}
}

// disconnect reads how a target is to end.
func (c *checker) disconnect(req *realtimev1.DisconnectRequest) sio.Disconnect {
	c.reason(req.GetReason())
	how := sio.Disconnect{Reconnect: req.GetAllowReconnect(), Detail: req.GetReason()}
	if req.GetLastEvent() != nil {
		how.Last = c.requestEvent("last_event", req.GetLastEvent())
	}
	return how
}
