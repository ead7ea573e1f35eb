package interceptor

import (
	"context"
	"log/slog"
	"path"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/seed52a35d2d/realtime-server/authn/authority"
	"github.com/seed52a35d2d/realtime-server/service/apierror"
)

// audit writes who has changed clients: one line for each call that needs the
// scope manage, the denied ones included. It counts whom a call was about and
// names nobody: names of users and rooms may be personal.
type audit struct{ log *slog.Logger }

// around makes a call and writes its line, if it is one of those. What the call
// asks for is known when it has ended.
func (a *audit) around(ctx context.Context, c *call, request func() any, do func() error) error {
	if a == nil || c.need.scope != authority.Manage {
		return do()
	}
	result := status.New(codes.Internal, "") // what a panic becomes, further out
	defer func() { a.write(ctx, c, request(), result) }()
	err := do()
	var ok bool
	if result, ok = status.FromError(err); !ok {
		result = status.FromContextError(err) // as gRPC does
	}
	return err
}

func (a *audit) write(ctx context.Context, c *call, req any, result *status.Status) {
	reason := apierror.ReasonOf(result)
	if reason == reasonRateLimited {
		return // nothing was done, and it may be a flood; it is counted
	}
	line := []slog.Attr{slog.Bool("audit", true), slog.String("method", path.Base(c.method))}
	for _, caller := range c.who {
		line = append(line, slog.String(string(caller.Kind), caller.Name))
	}
	line = append(line, about(req)...)
	line = append(line, slog.String("code", result.Code().String()))
	if reason != "" {
		line = append(line, slog.String("reason", reason))
	}
	a.log.LogAttrs(ctx, slog.LevelInfo, "manage call", line...)
}

// about counts whom a request is about.
func about(req any) []slog.Attr {
	var said []slog.Attr
	if named := namespaces(req); len(named) > 0 {
		said = append(said, slog.String("namespace", shortened(named[0].text)))
	}
	if r, ok := req.(forTarget); ok {
		t := r.GetTarget()
		said = append(said, slog.Group("target",
			slog.Int("rooms", len(t.GetRooms())),
			slog.Int("users", len(t.GetUsers())),
			slog.Int("connections", len(t.GetConnectionIds()))))
	}
	if r, ok := req.(namesRooms); ok {
		said = append(said, slog.Int("rooms", len(r.GetRooms())))
	}
	return said
}
