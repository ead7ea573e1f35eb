package service

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"google.golang.org/grpc/status"

	clusterv1 "github.com/seed52a35d2d/realtime-server/gen/realtime/cluster/v1"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/service/cluster"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// gathering is a SendWithAck whose event this node's connections have got.
type gathering struct {
	id     string
	ns     *sio.Namespace
	target sio.Target
	req    *realtimev1.SendWithAckRequest
	acks   *sio.Acks
}

// startPatience is how long other nodes may take to say how many connections
// they have asked, before the results of those who have are told.
const startPatience = time.Second

// resultsPatience is how long other nodes are waited for: the time of their
// clients, and some for the results to travel. A node that was killed has no
// last word.
func resultsPatience(ctx context.Context, timeout time.Duration) time.Duration {
	patience := timeout + startPatience
	if deadline, ok := ctx.Deadline(); ok {
		left := time.Until(deadline)
		patience = min(patience, left-left/20)
	}
	return patience
}

// gather tells what becomes of acknowledgements, on this node and on others,
// until all are accounted for.
func (s *Service) gather(ctx context.Context, g gathering, send func(*realtimev1.SendWithAckResponse) error) error {
	ctx, cancel := context.WithCancel(ctx)
	var asking sync.WaitGroup
	defer asking.Wait()
	defer cancel()
	r := newRoll()
	asking.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, resultsPatience(ctx, g.req.GetTimeout().AsDuration()))
		defer cancel()
		coverage, err := s.peers.Ask(ctx, cluster.Asking{
			To:    cluster.AudienceOf(g.ns.Name(), g.target),
			Call:  &clusterv1.Call{Request: &clusterv1.Call_SendWithAck{SendWithAck: g.req}},
			Take:  r.take,
			Nodes: r.expect,
		})
		r.close(coverage, err)
	})
	start, err := r.start(ctx)
	if err != nil {
		return errClusterUnavailable
	}
	start.MessageId = g.id
	start.Matched += int64(g.acks.Matched)
	if err := send(&realtimev1.SendWithAckResponse{Result: &realtimev1.SendWithAckResponse_Start{Start: start}}); err != nil {
		return err
	}
	if err := merge(ctx, g.acks, r, send); err != nil {
		return status.FromContextError(err).Err()
	}
	return nil
}

// merge sends the results of this node and of others as they come.
func merge(ctx context.Context, acks *sio.Acks, r *roll, send func(*realtimev1.SendWithAckResponse) error) error {
	own := make(chan *realtimev1.SendWithAckResponse)
	failed := make(chan error, 1)
	ctx, cancel := context.WithCancel(ctx)
	var telling sync.WaitGroup
	defer telling.Wait()
	defer cancel()
	telling.Go(func() {
		defer close(own)
		failed <- relay(ctx, acks, own)
	})
	for own != nil || !r.over() {
		select {
		case result, more := <-own:
			if !more {
				own = nil
				if err := <-failed; err != nil {
					return err
				}
				continue
			}
			if err := send(result); err != nil {
				return err
			}
		case <-r.more:
			for _, result := range r.next() {
				if err := send(result); err != nil {
					return err
				}
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// relay gives the results of this node to a channel.
func relay(ctx context.Context, acks *sio.Acks, to chan<- *realtimev1.SendWithAckResponse) error {
	for {
		ack, err := acks.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case to <- ackMessage(ack):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
