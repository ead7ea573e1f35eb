// Package backend calls the gRPC servers of users: the service
// RealtimeBackend.
//
// One [Client] stands for one backend and shares one connection per address.
// Its [Guard] gives each call its deadline and one of a bounded number of
// places, repeats what may be repeated, and has a circuit breaker. A method other
// than Authenticate that the backend does not implement is an empty reply.
//
// The files: client.go has the calls, dial.go, resolve.go and tls.go the way to
// a backend that is dialled, over.go that to one that is not. guard.go and task.go
// are what happens to a call whichever way it takes: places.go bounds how many run
// and wait, budget.go how many are repeated, breaker.go keeps them from a backend
// that is away. health.go logs, metrics.go counts.
package backend

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

// Node is the server process that calls.
type Node struct {
	// ID names the process among the others.
	ID string
	// Generation is asked for each call, and grows with every start of the process.
	// Nil means 0.
	Generation func() int64
}

// Client calls one backend. It is safe for concurrent use.
type Client struct {
	node     Node
	metadata map[string]string
	conn     *grpc.ClientConn
	names    *names
	stub     realtimev1.RealtimeBackendClient
	guard    *Guard

	repeatEvents bool
}

// New returns the client of the backend that the configuration calls name. It
// does not connect yet. The caller closes it.
func New(name string, cfg Config, node Node, log *slog.Logger, metrics *Metrics) (*Client, error) {
	return newClient(name, cfg, newNames(resolveEvery), node, log, metrics)
}

func newClient(
	name string, cfg Config, names *names, node Node, log *slog.Logger, metrics *Metrics,
) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("backend %q: %w", name, err)
	}
	log = log.With(slog.String("target", cfg.Target))
	conn, err := dial(cfg, names, log.With(slog.String("backend", name)))
	if err != nil {
		return nil, fmt.Errorf("backend %q: %w", name, err)
	}
	return &Client{
		node:     node,
		metadata: cfg.Metadata,
		conn:     conn,
		names:    names,
		stub:     realtimev1.NewRealtimeBackendClient(conn),
		guard:    NewGuard(name, cfg.Limits, log, metrics),
	}, nil
}

// Close ends the connections. Calls in flight fail.
func (c *Client) Close() error {
	if c.conn == nil { // see Over
		return nil
	}
	return c.conn.Close()
}

// Hurry makes calls not wait for better times any more: the process ends.
func (c *Client) Hurry() { c.guard.Hurry() }

// RepeatingEvents is the same backend for events that it may be given twice:
// OnEvent is repeated like Authenticate. Only c is closed.
func (c *Client) RepeatingEvents() *Client {
	repeating := *c
	repeating.repeatEvents = true
	return &repeating
}

// Authenticate asks who a client is. One that refreshes its credential is in
// already, and a storm of newcomers must not push it out.
func (c *Client) Authenticate(
	ctx context.Context, req *realtimev1.AuthenticateRequest,
) (*realtimev1.AuthenticateResponse, error) {
	how := Call{Method: "Authenticate", Lane: Newcomers, Repeatable: true}
	if req.GetCause() == realtimev1.AuthenticateCause_AUTHENTICATE_CAUSE_REFRESH {
		how.Lane = Residents
	}
	return call(ctx, c, how, c.stub.Authenticate, req)
}

// OnConnected tells of a client that was accepted.
func (c *Client) OnConnected(
	ctx context.Context, req *realtimev1.OnConnectedRequest,
) (*realtimev1.OnConnectedResponse, error) {
	return optional(call(ctx, c, Call{Method: "OnConnected", Lane: Arrivals}, c.stub.OnConnected, req))
}

// OnEvent hands over what a client emitted.
func (c *Client) OnEvent(ctx context.Context, req *realtimev1.OnEventRequest) (*realtimev1.OnEventResponse, error) {
	how := Call{Method: "OnEvent", Lane: Residents, Repeatable: c.repeatEvents}
	return optional(call(ctx, c, how, c.stub.OnEvent, req))
}

// AuthorizeJoin asks which rooms a client may join. A backend that does not
// implement it allows none.
func (c *Client) AuthorizeJoin(
	ctx context.Context, req *realtimev1.AuthorizeJoinRequest,
) (*realtimev1.AuthorizeJoinResponse, error) {
	how := Call{Method: "AuthorizeJoin", Lane: Residents, Repeatable: true}
	return optional(call(ctx, c, how, c.stub.AuthorizeJoin, req))
}

// OnDisconnected tells of a connection that has ended. If it was one of another
// node, the caller repeats the call.
func (c *Client) OnDisconnected(
	ctx context.Context, req *realtimev1.OnDisconnectedRequest,
) (*realtimev1.OnDisconnectedResponse, error) {
	ours := req.GetContext().GetNodeId() == ""
	how := Call{Method: "OnDisconnected", Lane: Partings, Repeatable: ours, Patient: ours}
	return optional(call(ctx, c, how, c.stub.OnDisconnected, req))
}

// request is one that says on whose behalf it is made.
type request interface {
	GetContext() *realtimev1.RequestContext
}

// method is a generated stub's method.
type method[Req, Resp any] func(context.Context, Req, ...grpc.CallOption) (Resp, error)

// call makes a call over the channel. The error is always an [*Error].
func call[Req request, Resp any](
	ctx context.Context, c *Client, how Call, do method[Req, Resp], req Req,
) (Resp, error) {
	on := req.GetContext()
	c.stamp(on)
	before := on.GetAttempt() - 1 // made by the caller
	return Do(ctx, c.guard, how, func(ctx context.Context, n int) (Resp, error) {
		on.Attempt = before + int32(n) //nolint:gosec // a few
		if how.Repeatable {
			ctx = Repeatable(ctx)
		}
		resp, err := do(metadata.NewOutgoingContext(ctx, metadata.New(c.metadata)), req)
		return resp, c.names.explain(err)
	})
}

// stamp adds what only the caller of the backend knows, unless the call is made
// for another node.
func (c *Client) stamp(on *realtimev1.RequestContext) {
	on.Attempt = max(on.GetAttempt(), 1)
	if on.GetNodeId() != "" {
		return
	}
	on.NodeId = c.node.ID
	if c.node.Generation != nil {
		on.Generation = c.node.Generation()
	}
}

// optional makes an empty reply of a method that the backend does not have.
func optional[Resp any](resp *Resp, err error) (*Resp, error) {
	var failure *Error
	if errors.As(err, &failure) && failure.Code == codes.Unimplemented {
		return new(Resp), nil
	}
	return resp, err
}
