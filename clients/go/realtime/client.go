package realtime

import (
	"fmt"

	"google.golang.org/grpc"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

// Client calls the Realtime service. It is safe for concurrent use; one
// Client serves a whole program.
type Client struct {
	target string
	dial   []grpc.DialOption
	conn   *grpc.ClientConn
	api    realtimev1.RealtimeClient
}

// Dial makes a client of the server at target, an address such as
// "realtime.example.com:443" or any other gRPC target. It speaks TLS and
// trusts the system's roots unless an option says otherwise.
//
// Dial does not wait for the server: it connects with the first call, and
// again by itself whenever the connection breaks.
func Dial(target string, opts ...Option) (*Client, error) {
	dialOpts, err := newConfig(opts).dialOptions()
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", target, err)
	}
	conn, err := grpc.NewClient(target, dialOpts...)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", target, err)
	}
	return &Client{target: target, dial: dialOpts, conn: conn, api: realtimev1.NewRealtimeClient(conn)}, nil
}

// Close ends the connection. Calls in flight fail with codes.Canceled.
func (c *Client) Close() error { return c.conn.Close() }
