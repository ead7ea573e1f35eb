package service

import (
	"context"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// Event answers what a client emitted.
func (g *Gateway) Event(ctx context.Context, s *sio.Socket, e *sio.ClientEvent) {
	if r := g.receptionOf(s); r.hears(s, e) {
		g.hear(ctx, r, s, e)
		return
	}
	route, ack, failed := g.answer(ctx, s, e)
	if failed == nil {
		failed = invalidReply(e.Ack(ack...))
	}
	namespace := s.Namespace().Pattern()
	g.metrics.events.WithLabelValues(namespace, route, failed.outcome()).Inc()
	if failed == nil {
		return
	}
	if failed.cause != nil {
		g.log.report(ctx, trouble{namespace, "event"}, failed.cause)
	}
	_ = e.Ack(failed.ack()) // is JSON
}

// answer finds who answers an event, by the rule of this name.
func (g *Gateway) answer(ctx context.Context, s *sio.Socket, e *sio.ClientEvent) (rule string, _ []sio.Arg, _ *failure) {
	policy := g.policies[s.Namespace().Pattern()]
	if ours := g.ours(policy, e); ours != nil {
		args, failed := ours(ctx, s, e)
		return "", args, failed
	}
	route, failed := policy.route(e.Name)
	if failed != nil {
		return "", nil, failed
	}
	args, failed := g.take(ctx, route, s, e)
	return route.Name, args, failed
}

// ours is what answers an event that is for the server itself; nil for those of
// the application.
func (g *Gateway) ours(p Policy, e *sio.ClientEvent) func(context.Context, *sio.Socket, *sio.ClientEvent) ([]sio.Arg, *failure) {
	switch {
	case p.Refresh.takes(e):
		return g.refresh
	case p.Join.hears(e):
		return func(ctx context.Context, s *sio.Socket, e *sio.ClientEvent) ([]sio.Arg, *failure) {
			return g.move(ctx, p, s, e)
		}
	case p.Dev && p.Routes == nil && p.Backend == nil && e.Name == "echo":
		return echo
	}
	return nil
}

func echo(_ context.Context, _ *sio.Socket, e *sio.ClientEvent) ([]sio.Arg, *failure) {
	return e.Args, nil
}

// take answers an event by its route, once if the client repeats it.
func (g *Gateway) take(ctx context.Context, r *route, s *sio.Socket, e *sio.ClientEvent) ([]sio.Arg, *failure) {
	if r.AckRequired && !e.WantsAck() {
		return nil, &failure{Code: codeAckRequired, Reason: "This event needs an acknowledgement"}
	}
	key, known := r.Once.key(s, e)
	if r.answers == nil || !known {
		return g.forward(ctx, r, s, e)
	}
	for {
		a, first := r.answers.begin(key)
		if first {
			return g.begun(ctx, r, a, s, e)
		}
		g.metrics.repeated.WithLabelValues(s.Namespace().Pattern(), r.Name).Inc()
		select {
		case <-a.done:
		case <-ctx.Done(): // the server ends
			return nil, &failure{Code: codeBackendTimeout, Reason: "The backend did not answer in time", Temporary: true}
		}
		if a.ok {
			return a.args, nil
		} // the first has failed: what was repeated is tried again
	}
}

// begun answers an event for all who wait for a. A panic goes on, to those who
// log it; the others try themselves.
func (g *Gateway) begun(
	ctx context.Context, r *route, a *answer, s *sio.Socket, e *sio.ClientEvent,
) (args []sio.Arg, failed *failure) {
	done := false
	defer func() { r.answers.finish(a, args, done && failed == nil) }()
	args, failed = g.forward(ctx, r, s, e)
	done = true
	return args, failed
}

// forward asks the route's backend.
func (g *Gateway) forward(ctx context.Context, r *route, s *sio.Socket, e *sio.ClientEvent) ([]sio.Arg, *failure) {
	reply, failed := r.call(ctx, &realtimev1.OnEventRequest{
		Context:      requestContext(s),
		Event:        clientEvent(e),
		AckRequested: e.WantsAck(),
	})
	if failed != nil {
		return nil, failed
	}
	if !e.WantsAck() {
		return nil, nil
	}
	c := &checker{cfg: g.cfg}
	args := c.args("ack", reply.GetAck())
	return args, invalidReply(c.problem())
}
