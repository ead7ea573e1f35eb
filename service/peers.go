package service

import (
	"context"
	"time"

	clusterv1 "github.com/seed52a35d2d/realtime-server/gen/realtime/cluster/v1"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/service/cluster"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// Peers are the other nodes of a cluster; see package cluster.
type Peers interface {
	// Tell hands a call to the nodes of an audience.
	Tell(ctx context.Context, to cluster.Audience, call *clusterv1.Call) error
	// Ask does the same, and hears what they reply.
	Ask(ctx context.Context, q cluster.Asking) (cluster.Coverage, error)
	// Settle waits until this node hears what is sent to groups of its sockets.
	Settle(ctx context.Context, groups ...sio.Group)
}

// nobody are the peers of a node that is alone.
type nobody struct{}

func (nobody) Tell(context.Context, cluster.Audience, *clusterv1.Call) error { return nil }

func (nobody) Ask(context.Context, cluster.Asking) (cluster.Coverage, error) {
	return cluster.Coverage{}, nil
}

func (nobody) Settle(context.Context, ...sio.Group) {}

// settled waits until a room's new members here are reached from everywhere.
func (s *Service) settled(ctx context.Context, ns *sio.Namespace, rooms []string) {
	for _, room := range rooms {
		s.peers.Settle(ctx, sio.Group{Namespace: ns.Name(), Kind: sio.GroupRoom, Name: room})
	}
}

// settledSoon is settled within the call's patience.
func (s *Service) settledSoon(ctx context.Context, ns *sio.Namespace, rooms []string) {
	ctx, cancel := patient(ctx)
	defer cancel()
	s.settled(ctx, ns, rooms)
}

// SetPeers makes the node one of several. It is called before the API is served.
func (s *Service) SetPeers(p Peers) { s.peers = p }

// defaultPatience is how long other nodes, and a report of what was written, are
// waited for if the call has no deadline.
const defaultPatience = 5 * time.Second

// patient is a context that leaves half of the call's time for the reply to
// travel.
func patient(ctx context.Context) (context.Context, context.CancelFunc) {
	patience := defaultPatience
	if deadline, ok := ctx.Deadline(); ok {
		patience = time.Until(deadline) / 2
	}
	return context.WithTimeout(ctx, patience)
}

// ask hands a call to the nodes that a target concerns. The coverage counts this
// node as well. The error is errClusterUnavailable.
func (s *Service) ask(
	ctx context.Context, ns *sio.Namespace, t sio.Target, call *clusterv1.Call, take func(*clusterv1.Reply),
) (*realtimev1.Coverage, error) {
	ctx, cancel := patient(ctx)
	defer cancel()
	cov, err := s.peers.Ask(ctx, cluster.Asking{
		To:   cluster.AudienceOf(ns.Name(), t),
		Call: call,
		Take: func(_ string, r *clusterv1.Reply) { take(r) },
	})
	coverage := coverageOf(cov)
	if err != nil {
		coverage.Partial = true
		return coverage, errClusterUnavailable
	}
	return coverage, nil
}

// read is ask for what may be answered in part: other nodes that cannot be
// reached never make a read fail.
func (s *Service) read(
	ctx context.Context, ns *sio.Namespace, t sio.Target, call *clusterv1.Call, take func(*clusterv1.Reply),
) *realtimev1.Coverage {
	coverage, _ := s.ask(ctx, ns, t, call, take) // which says that it is partial
	return coverage
}

// ok is a reply, unless there was an error.
func ok[Resp any](resp *Resp, err error) (*Resp, error) {
	if err != nil {
		return nil, err
	}
	return resp, nil
}

// coverageOf adds this node, which has asked and answered itself.
func coverageOf(c cluster.Coverage) *realtimev1.Coverage {
	return &realtimev1.Coverage{
		NodesAsked:    int32(c.Asked) + 1,    //nolint:gosec // nodes are few
		NodesAnswered: int32(c.Answered) + 1, //nolint:gosec // likewise
		Partial:       !c.Complete(),
	}
}
