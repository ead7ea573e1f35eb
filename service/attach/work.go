package attach

import (
	"context"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	clusterv1 "github.com/seed52a35d2d/realtime-server/gen/realtime/cluster/v1"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

// workID names a call of another node.
type workID struct {
	life int64
	id   uint64
}

// Hear takes what another node says. Tag is where it is reached, and life a number
// that no other process has. It does not wait.
func (h *Hub) Hear(tag string, life int64, m *clusterv1.Attached) {
	switch body := m.GetBody().(type) {
	case *clusterv1.Attached_Offer:
		if g := h.groups[body.Offer.GetGroup()]; g != nil {
			g.hearOffer(tag, life, body.Offer)
		}
	case *clusterv1.Attached_Done:
		if g := h.groups[body.Done.GetGroup()]; g != nil {
			g.hearDone(life, body.Done)
		}
	case *clusterv1.Attached_Work:
		h.hearWork(tag, life, body.Work)
	case *clusterv1.Attached_GiveUp:
		h.mu.Lock()
		cancel := h.foreign[workID{life, body.GiveUp.GetId()}]
		h.mu.Unlock()
		if cancel != nil {
			cancel()
		}
	}
}

// hearWork begins to work on a call of another node. Without room for it, that
// node waits until the call's time is over.
func (h *Hub) hearWork(tag string, life int64, work *clusterv1.Work) {
	g, of := h.groups[work.GetGroup()], workID{life, work.GetCall().GetId()}
	h.mu.Lock()
	defer h.mu.Unlock()
	if g == nil || h.closed || len(h.foreign) >= maxWorks || h.foreign[of] != nil {
		h.metrics.worksDropped.Inc()
		return
	}
	ctx, cancel := context.WithTimeout(h.ctx, work.GetCall().GetTimeout().AsDuration())
	h.foreign[of] = cancel
	h.working.Go(func() {
		done := g.work(ctx, work)
		h.mu.Lock()
		delete(h.foreign, of)
		h.mu.Unlock()
		h.tellDone(ctx, tag, done)
		cancel()
	})
}

// doneAgain is the time between two attempts to tell what came of a call.
const doneAgain = 200 * time.Millisecond

// tellDone tells what came of a call, until its node has heard it or does not wait
// any more. It may hear it twice.
func (h *Hub) tellDone(ctx context.Context, tag string, done *clusterv1.Done) {
	for ctx.Err() == nil {
		heard, err := h.peers.TellNode(ctx, tag, &clusterv1.Attached{Body: &clusterv1.Attached_Done{Done: done}})
		if heard && err == nil {
			return
		}
		again := time.NewTimer(doneAgain)
		select {
		case <-again.C:
		case <-ctx.Done():
		case <-h.ending:
			return
		}
	}
}

// work has a call of another node answered.
func (g *group) work(ctx context.Context, work *clusterv1.Work) *clusterv1.Done {
	g.hub.metrics.taken.WithLabelValues(g.name).Inc()
	deadline, _ := ctx.Deadline()
	id := work.GetCall().GetId()
	out := g.do(ctx, newCall(&realtimev1.AttachCall{
		Metadata: work.GetCall().GetMetadata(), Request: work.GetCall().GetRequest(),
	}, deadline, work.GetRepeatable(), true))
	done := &clusterv1.Done{Group: g.name, Begun: out.begun, Result: &realtimev1.AttachResult{Id: id}}
	if out.result == nil {
		return done
	}
	if size := proto.Size(out.result); size > maxWork {
		done.Result.Outcome = failure(status.Newf(codes.ResourceExhausted, "the worker's result has %d bytes, more than %d", size, maxWork))
		return done
	}
	done.Result.Outcome = out.result.GetOutcome()
	if done.GetResult().GetOutcome() == nil {
		done.Result.Outcome = failure(status.Convert(errEmpty))
	}
	return done
}

func failure(s *status.Status) *realtimev1.AttachResult_Error {
	return &realtimev1.AttachResult_Error{Error: &realtimev1.AttachError{
		Code: int32(s.Code()), Message: s.Message(), //nolint:gosec // codes are small
	}}
}
