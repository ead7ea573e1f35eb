package interceptor

import (
	"context"
	"log/slog"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/logging"
	"google.golang.org/grpc/codes"
)

// slogLogger is what the middleware writes its lines to. The levels of the two
// are the same numbers.
func slogLogger(log *slog.Logger) logging.Logger {
	return logging.LoggerFunc(func(ctx context.Context, level logging.Level, msg string, fields ...any) {
		log.Log(ctx, slog.Level(level), msg, fields...) //nolint:sloglint // the middleware's own message and pairs
	})
}

// level keeps what happens often, and what callers do wrong, out of a log that
// is read for the server's own troubles. The gate logs whom it refuses, not each
// time.
func level(code codes.Code) logging.Level {
	switch code {
	case codes.OK, codes.Canceled, codes.InvalidArgument, codes.NotFound, codes.FailedPrecondition,
		codes.ResourceExhausted, codes.Unauthenticated, codes.PermissionDenied:
		return logging.LevelDebug
	case codes.Unavailable, codes.DeadlineExceeded, codes.Unimplemented:
		return logging.LevelInfo
	default:
		return logging.LevelError
	}
}
