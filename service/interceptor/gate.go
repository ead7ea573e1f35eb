package interceptor

import (
	"context"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/logging"
	"google.golang.org/grpc"

	"github.com/seed52a35d2d/realtime-server/authn/authority"
)

// gate lets calls of those pass who may make them. It decides by the request,
// so it stands where requests are known, in front of every handler.
type gate struct {
	callers *authority.Callers
	tally   *tally
	audit   *audit // nil if it is off
}

// enter says who makes a call, and puts the names into its log line.
func (g *gate) enter(ctx context.Context, method string) (*call, error) {
	who, err := identify(ctx, g.callers)
	if err != nil {
		return nil, g.tally.stranger(ctx, method, err)
	}
	for _, caller := range who {
		logging.AddFields(ctx, logging.Fields{string(caller.Kind), caller.Name})
	}
	c := &call{gate: g, method: method, who: who}
	c.need, c.known = needs[method]
	return c, nil
}

func (g *gate) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	if isPublic(info.FullMethod) {
		return next(ctx, req)
	}
	c, err := g.enter(ctx, info.FullMethod)
	if err != nil {
		return nil, err
	}
	var reply any
	err = g.audit.around(ctx, c, func() any { return req }, func() error {
		err := c.open(ctx)
		if err == nil {
			err = c.request(ctx, req)
		}
		if err == nil {
			reply, err = next(ctx, req)
		}
		return err
	})
	return reply, err
}

func (g *gate) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	if isPublic(info.FullMethod) {
		return next(srv, ss)
	}
	c, err := g.enter(ss.Context(), info.FullMethod)
	if err != nil {
		return err
	}
	held := &heldStream{ServerStream: ss, call: c}
	return g.audit.around(ss.Context(), c, func() any { return held.opening }, func() error {
		if err := c.open(ss.Context()); err != nil {
			return err
		}
		err := next(srv, held)
		if refusal := held.refusal.Load(); refusal != nil {
			return *refusal // whatever the handler makes of it
		}
		return err
	})
}
