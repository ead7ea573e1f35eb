package service

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/seed52a35d2d/realtime-server/authn"
	"github.com/seed52a35d2d/realtime-server/sio"
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

// refused says why we do not believe a credential: the client is not told, for it
// may be a stranger's. What a backend says of its own stays with it.
func (l *troubleLog) refused(ctx context.Context, s *sio.Socket, err error) {
	refusal, ok := errors.AsType[*authn.Refusal](err)
	if !ok || refusal.Cause == nil {
		return
	}
	l.log.LogAttrs(ctx, slog.LevelDebug, "credential refused",
		slog.String("namespace", s.Namespace().Name()),
		slog.String("connection_id", s.ID()),
		slog.String("code", refusal.Code),
		slog.String("cause", refusal.Cause.Error()))
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
