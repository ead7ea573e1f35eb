package journal

import (
	"context"
	"errors"
	"log/slog"
	"sync"
)

// The operations whose failures are logged, in the words of the log.
const (
	opRead = "read the journal"
	opAdd  = "add to the journal"
	opSave = "save tickets"
	opTake = "take a ticket"
	opDrop = "drop tickets"
)

// troubles are the operations that do not work, each with its last error. Each is
// logged when it stops to work, and when it works again.
type troubles struct {
	mu      sync.Mutex // stands alone
	failing map[string]error
}

// note notes how an operation went. That a caller had no more time says nothing.
func (j *Journal) note(ctx context.Context, op string, err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	j.troubles.mu.Lock()
	_, failing := j.troubles.failing[op]
	if err == nil {
		delete(j.troubles.failing, op)
	} else {
		j.troubles.failing[op] = err
	}
	j.troubles.mu.Unlock()
	switch {
	case err != nil && !failing:
		j.Log.LogAttrs(ctx, slog.LevelWarn, "recovery across nodes does not work", slog.String("operation", op), slog.Any("error", err))
	case err == nil && failing:
		j.Log.LogAttrs(ctx, slog.LevelInfo, "recovery across nodes works again", slog.String("operation", op))
	}
}

// Trouble says why this node does not hear of entries, "" if it does, or has
// only just begun: meanwhile recorded events reach its own clients alone.
func (j *Journal) Trouble() string {
	j.troubles.mu.Lock()
	defer j.troubles.mu.Unlock()
	if err := j.troubles.failing[opRead]; err != nil {
		return "journal: " + err.Error()
	}
	return ""
}
