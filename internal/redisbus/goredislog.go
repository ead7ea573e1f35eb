package redisbus

import (
	"context"
	"fmt"
	"log/slog"
)

// goRedisLog is the log of go-redis, which has one for the whole process and
// writes to standard error otherwise. What it says is known to us by other
// means, so it is for those who look closely.
type goRedisLog struct{ log *slog.Logger }

// Printf is what go-redis calls.
func (l goRedisLog) Printf(ctx context.Context, format string, args ...any) {
	if l.log.Enabled(ctx, slog.LevelDebug) {
		l.log.LogAttrs(ctx, slog.LevelDebug, "go-redis", slog.String("text", fmt.Sprintf(format, args...)))
	}
}
