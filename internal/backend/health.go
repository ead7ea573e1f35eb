package backend

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// calm is how long a backend must not have failed before an answer counts as
// its recovery. It keeps a backend that fails every other call from filling
// the log.
const calm = time.Second

// health notices when a backend begins to fail and when it answers again, and
// logs each of the two once.
type health struct {
	log *slog.Logger

	mu         sync.Mutex
	failing    bool
	lastFailed time.Time
}

func (h *health) failed(ctx context.Context, now time.Time, err *Error) {
	h.mu.Lock()
	first := !h.failing
	h.failing, h.lastFailed = true, now
	h.mu.Unlock()
	if first {
		h.log.LogAttrs(ctx, slog.LevelWarn, "backend fails",
			slog.String("method", err.Method),
			slog.String("code", err.Code.String()),
			slog.String("message", err.Message))
	}
}

func (h *health) answered(ctx context.Context, now time.Time) {
	h.mu.Lock()
	recovered := h.failing && now.Sub(h.lastFailed) >= calm
	if recovered {
		h.failing = false
	}
	h.mu.Unlock()
	if recovered {
		h.log.LogAttrs(ctx, slog.LevelInfo, "backend answers again")
	}
}
