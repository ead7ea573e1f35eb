// Package backend calls the gRPC servers of users: the service
// RealtimeBackend.
//
// One [Client] stands for one backend and shares one connection per address.
// Every call ends within the timeout of its [Config], is made at most once,
// and takes one of a bounded number of places. A method other than
// Authenticate that the backend does not implement is an empty reply.
package backend

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

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
	name    string
	node    Node
	cfg     Config
	conn    *grpc.ClientConn
	stub    realtimev1.RealtimeBackendClient
	places  *semaphore.Weighted
	health  *health
	metrics *Metrics
}

// New returns the client of the backend that the configuration calls name. It
// does not connect yet. The caller closes it.
func New(name string, cfg Config, node Node, log *slog.Logger, metrics *Metrics) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("backend %q: %w", name, err)
	}
	conn, err := dial(cfg)
	if err != nil {
		return nil, fmt.Errorf("backend %q: %w", name, err)
	}
	return &Client{
		name:   name,
		node:   node,
		cfg:    cfg,
		conn:   conn,
		stub:   realtimev1.NewRealtimeBackendClient(conn),
		places: semaphore.NewWeighted(int64(cfg.MaxInFlight)),
		health: &health{
			log: log.With(slog.String("backend", name), slog.String("target", cfg.Target)),
		},
		metrics: metrics,
	}, nil
}

func dial(cfg Config) (*grpc.ClientConn, error) {
	creds, err := cfg.TLS.credentials()
	if err != nil {
		return nil, err
	}
	return grpc.NewClient(cfg.Target,
		grpc.WithTransportCredentials(creds),
		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig": [{"round_robin": {}}]}`),
		grpc.WithDisableServiceConfig(),
		grpc.WithDisableRetry(),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(cfg.MaxReplyBytes)),
		// Finds an address that has silently gone while calls wait for it.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}),
		// gRPC's own back-off grows to two minutes; clients wait at the door
		// until the backend is found again.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff: backoff.Config{
				BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 3 * time.Second,
			},
			MinConnectTimeout: cfg.Timeout,
		}),
	)
}

// Close ends the connections. Calls in flight fail.
func (c *Client) Close() error { return c.conn.Close() }

// Authenticate asks who a client is.
func (c *Client) Authenticate(
	ctx context.Context, req *realtimev1.AuthenticateRequest,
) (*realtimev1.AuthenticateResponse, error) {
	c.stamp(req.GetContext())
	return call(ctx, c, "Authenticate", c.stub.Authenticate, req)
}

// OnConnected tells of a client that was accepted.
func (c *Client) OnConnected(
	ctx context.Context, req *realtimev1.OnConnectedRequest,
) (*realtimev1.OnConnectedResponse, error) {
	c.stamp(req.GetContext())
	return optional(call(ctx, c, "OnConnected", c.stub.OnConnected, req))
}

// OnEvent hands over what a client emitted.
func (c *Client) OnEvent(ctx context.Context, req *realtimev1.OnEventRequest) (*realtimev1.OnEventResponse, error) {
	c.stamp(req.GetContext())
	return optional(call(ctx, c, "OnEvent", c.stub.OnEvent, req))
}

// OnDisconnected tells of a connection that has ended.
func (c *Client) OnDisconnected(
	ctx context.Context, req *realtimev1.OnDisconnectedRequest,
) (*realtimev1.OnDisconnectedResponse, error) {
	c.stamp(req.GetContext())
	return optional(call(ctx, c, "OnDisconnected", c.stub.OnDisconnected, req))
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

// method is a generated stub's method.
type method[Req, Resp any] func(context.Context, Req, ...grpc.CallOption) (Resp, error)

// call makes one call within the deadline and once a place is free. The error
// is always an [*Error].
func call[Req, Resp any](
	ctx context.Context, c *Client, name string, do method[Req, Resp], req Req,
) (Resp, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	begin := time.Now()
	resp, err := within(ctx, c, do, req)
	failure := newError(name, err)
	c.metrics.observe(c.name, name, failure.code(), time.Since(begin))
	if failure == nil {
		c.health.answered(ctx, time.Now())
		return resp, nil
	}
	if failure.faulty() {
		c.health.failed(ctx, time.Now(), failure)
	}
	return resp, failure
}

func within[Req, Resp any](ctx context.Context, c *Client, do method[Req, Resp], req Req) (Resp, error) {
	var none Resp
	switch err := c.places.Acquire(ctx, 1); {
	case errors.Is(err, context.Canceled):
		return none, status.FromContextError(err).Err()
	case err != nil:
		return none, status.Errorf(status.FromContextError(err).Code(), "none of %d places came free", c.cfg.MaxInFlight)
	}
	defer c.places.Release(1)
	defer c.metrics.begin(c.name)()
	return do(metadata.NewOutgoingContext(ctx, metadata.New(c.cfg.Metadata)), req)
}

// optional makes an empty reply of a method that the backend does not have.
func optional[Resp any](resp *Resp, err error) (*Resp, error) {
	var failure *Error
	if errors.As(err, &failure) && failure.Code == codes.Unimplemented {
		return new(Resp), nil
	}
	return resp, err
}
