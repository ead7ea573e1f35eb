package relay

import (
	"log/slog"
	"sync"
	"time"
)

// troublePause is how long trouble is only counted after some was logged.
const troublePause = time.Minute

// trouble is when a node could not be reached last.
type trouble struct {
	mu     sync.Mutex
	logged time.Time
}

func (t *trouble) due(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.logged.IsZero() && now.Sub(t.logged) < troublePause {
		return false
	}
	t.logged = now
	return true
}

// complain logs once a minute at most that an owner fails us: the metrics count
// it, and clients can cause as much of it as they like.
func (r *Relay) complain(tag, address string, o outcome, err error) {
	if !r.trouble.due(time.Now()) {
		return
	}
	r.log.Warn("node of a session cannot be reached",
		slog.String("tag", tag),
		slog.String("address", address),
		slog.String("outcome", string(o)),
		slog.String("error", err.Error()))
}
