package service

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// troublePause is how long the same trouble is only counted after it was
// logged.
const troublePause = time.Minute

// trouble is one way in which a backend or an authenticator fails us. There
// are few of them: the namespace is as the configuration names it.
type trouble struct {
	namespace, call string
}

// troubleLog logs every trouble once a minute at most, for the metrics count
// them and clients can cause as many as they like.
type troubleLog struct {
	log *slog.Logger

	mu     sync.Mutex
	logged map[trouble]time.Time
}

func newTroubleLog(log *slog.Logger) *troubleLog {
	return &troubleLog{log: log, logged: map[trouble]time.Time{}}
}

func (l *troubleLog) report(ctx context.Context, t trouble, err error) {
	if !l.due(t, time.Now()) {
		return
	}
	l.log.LogAttrs(ctx, slog.LevelWarn, "call for a client failed",
		slog.String("namespace", t.namespace),
		slog.String("call", t.call),
		slog.String("error", err.Error()))
}

func (l *troubleLog) due(t trouble, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if last, ok := l.logged[t]; ok && now.Sub(last) < troublePause {
		return false
	}
	l.logged[t] = now
	return true
}
