package service

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"

	clusterv1 "github.com/seed52a35d2d/realtime-server/gen/realtime/cluster/v1"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/internal/registry"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// returnedPatience bounds the search for a connection. Half of it is for other nodes:
// one that hangs receives the question, and does not answer.
const returnedPatience = 2 * time.Second

// SetReturned has Lost ask whether a client is back, as the connection that its
// node had. It is called before the first node dies.
func (g *Gateway) SetReturned(returned func(ctx context.Context, former *realtimev1.Connection) bool) {
	g.returned = returned
}

// Returned reports whether a connection that a dead node had is open again, on
// whatever node. That node may only have been silent, and answer before it knows
// that it counts as dead: what it says of this connection means nothing. It is
// false if nobody can say.
//
// This is for clients that come back at this very moment. The record of one that
// came before is gone (registry.Move), also if it has ended since.
func (s *Service) Returned(ctx context.Context, former *realtimev1.Connection) bool {
	ns, err := s.find(s.check(), former.GetNamespace())
	if err != nil {
		return false
	}
	if socket, here := ns.Socket(former.GetId()); here && isAnother(connectionOf(socket, s.nodeID), former) {
		return true
	}
	ctx, found := context.WithTimeout(ctx, returnedPatience)
	defer found()
	call := &clusterv1.Call{Request: &clusterv1.Call_GetConnection{GetConnection: &realtimev1.GetConnectionRequest{
		Namespace: former.GetNamespace(), ConnectionId: former.GetId(),
	}}}
	back := false
	s.read(ctx, ns, sio.Target{IDs: []string{former.GetId()}}, call, func(r *clusterv1.Reply) {
		if c := r.GetGetConnection().GetConnection(); c != nil && isAnother(c, former) {
			back = true
			found() // others have nothing to add
		}
	})
	return back
}

// isAnother tells a connection from a former one with its id: another node has
// it, or the same node has let it in since.
func isAnother(c, former *realtimev1.Connection) bool {
	return c.GetNodeId() != former.GetNodeId() ||
		former.GetConnectedAt() != nil && !proto.Equal(c.GetConnectedAt(), former.GetConnectedAt())
}

// ended are the connections of a dead node that are not back. All of a page are
// asked for at a time, so that a node that hangs is waited for once.
func (g *Gateway) ended(ctx context.Context, node registry.Node, records []registry.Record) []registry.Record {
	if g.returned == nil {
		return records
	}
	back := make([]bool, len(records))
	var asking errgroup.Group
	for i, r := range records {
		if g.lost.has(node, r) {
			continue
		}
		asking.Go(func() error {
			back[i] = g.returned(ctx, &realtimev1.Connection{
				Id: r.ID, Namespace: r.Namespace, NodeId: node.ID, ConnectedAt: knownOf(r).GetConnectedAt(),
			})
			return nil
		})
	}
	_ = asking.Wait() // none fails
	var ended []registry.Record
	for i, r := range records {
		if back[i] {
			g.lost.note(node, r) // OnConnected has told that it goes on; its end, its new node tells
			continue
		}
		ended = append(ended, r)
	}
	return ended
}
