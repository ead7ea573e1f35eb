package bridge

import (
	"context"
	"log/slog"
	"sync"

	"github.com/seed52a35d2d/realtime-server/sio/nodewire"
)

// trouble is something that is logged once: others may cause it as often as they
// like, and the metrics count it.
type trouble uint8

const (
	garbledMessage trouble = iota
	unsaid
	badRoom
	cutAnswer
)

// troubles are those that were logged.
type troubles struct {
	mu     sync.Mutex // stands alone
	logged map[trouble]bool
}

// first reports whether a trouble is to be logged.
func (t *troubles) first(what trouble) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.logged[what] {
		return false
	}
	if t.logged == nil {
		t.logged = map[trouble]bool{}
	}
	t.logged[what] = true
	return true
}

// garbled counts a message that cannot be read, or whose event cannot be
// emitted.
func (b *Bridge) garbled(ctx context.Context, err error) {
	b.metrics.garbled.Inc()
	if b.troubles.first(garbledMessage) {
		b.Log.LogAttrs(ctx, slog.LevelWarn, "a message on the channels of Node's servers cannot be read; this is told once",
			slog.Any("error", err))
	}
}

func (b *Bridge) logUnsaid(ctx context.Context, kind nodewire.Kind, err error) {
	b.Log.LogAttrs(ctx, slog.LevelWarn, "Node's servers cannot be told something in their format; this is told once",
		slog.String("kind", kind.String()), slog.Any("error", err))
}

// cut counts what is left out of an answer.
func (b *Bridge) cut(ctx context.Context, n int) {
	b.metrics.untold.Add(float64(n))
	if b.troubles.first(cutAnswer) {
		b.Log.LogAttrs(ctx, slog.LevelWarn, "an answer to a server of Node's would be too large; this is told once",
			slog.Int("left_out", n))
	}
}
