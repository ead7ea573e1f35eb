package backend

import (
	"context"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

// AuthorizeJoin asks which rooms a client may join. A backend that does not
// implement it allows none.
func (c *Client) AuthorizeJoin(
	ctx context.Context, req *realtimev1.AuthorizeJoinRequest,
) (*realtimev1.AuthorizeJoinResponse, error) {
	how := Call{Method: "AuthorizeJoin", Lane: Residents, Repeatable: true}
	return optional(call(ctx, c, how, c.stub.AuthorizeJoin, req))
}
