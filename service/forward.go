package service

import (
	"context"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// Event answers what a client emitted.
func (g *Gateway) Event(ctx context.Context, s *sio.Socket, e *sio.ClientEvent) {
	ack, failed := g.answer(ctx, s, e)
	if failed == nil {
		failed = invalidReply(e.Ack(ack...))
	}
	namespace := s.Namespace().Pattern()
	g.metrics.events.WithLabelValues(namespace, failed.outcome()).Inc()
	if failed == nil {
		return
	}
	if failed.cause != nil {
		g.log.report(ctx, trouble{namespace, "event"}, failed.cause)
	}
	_ = e.Ack(failed.ack()) // is JSON
}

// answer finds who answers an event.
func (g *Gateway) answer(ctx context.Context, s *sio.Socket, e *sio.ClientEvent) ([]sio.Arg, *failure) {
	policy := g.policies[s.Namespace().Pattern()]
	switch {
	case policy.Dev && e.Name == "join":
		return g.join(s, e)
	case policy.Dev && e.Name == "leave":
		return g.leave(s, e)
	case policy.Backend != nil:
		return g.forward(ctx, policy.Backend, s, e)
	case policy.Dev && e.Name == "echo":
		return e.Args, nil
	}
	return nil, &failure{Code: codeNoBackend, Reason: "No backend takes this event"}
}

// forward asks the backend.
func (g *Gateway) forward(ctx context.Context, b Backend, s *sio.Socket, e *sio.ClientEvent) ([]sio.Arg, *failure) {
	reply, err := b.OnEvent(ctx, &realtimev1.OnEventRequest{
		Context:      requestContext(s),
		Event:        clientEvent(e),
		AckRequested: e.WantsAck(),
	})
	if err != nil {
		return nil, backendFailure(err)
	}
	if !e.WantsAck() {
		return nil, nil
	}
	c := &checker{cfg: g.cfg}
	args := c.args("ack", reply.GetAck())
	return args, invalidReply(c.problem())
}
