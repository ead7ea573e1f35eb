package registry

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"
)

// A batch is one call of write.lua, for which Redis takes about a millisecond.
const (
	batchChanges = 256
	batchBytes   = 256 << 10
)

// writeBehind writes what the ledger notes, until ctx ends. It is the only
// writer of this node, so what is later in time is later in Redis.
func (r *Registry) writeBehind(ctx context.Context) {
	defer close(r.writerDone)
	failures := 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.wakeWriter:
		}
		pause(ctx, r.cfg.Linger, r.flush)
		err := r.writeAll(ctx)
		if ctx.Err() != nil {
			return
		}
		r.failed(&r.faults.writing, err)
		if err == nil {
			if failures > 0 {
				r.log.LogAttrs(ctx, slog.LevelInfo, "connections are written again", slog.Int("failures", failures))
			}
			failures = 0
			continue
		}
		failures++
		r.metrics.failures.Inc()
		if failures == 1 {
			r.log.LogAttrs(ctx, slog.LevelWarn, "connections cannot be written", slog.Any("error", err))
		}
		pause(ctx, backOff(failures, r.cfg.renewal()), nil)
		r.wakeWriter.give()
	}
}

// pause waits for d, or until ctx ends or early says so.
func pause(ctx context.Context, d time.Duration, early <-chan struct{}) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-early:
	case <-ctx.Done():
	}
}

// writeAll writes until nothing waits. While this node may not write it does
// nothing: the keeper wakes it later.
func (r *Registry) writeAll(ctx context.Context) error {
	for {
		m := r.member()
		if !m.open {
			return nil
		}
		if ids, ok := r.ledger.startComparing(); ok {
			err := r.compare(ctx, m.key, ids)
			r.ledger.doneComparing(err != nil)
			if err != nil {
				return err
			}
			r.deferring.Store(false)
			r.metrics.comparings.Inc()
			if len(ids) > 0 {
				r.log.LogAttrs(ctx, slog.LevelInfo, "all connections were written", slog.Int("connections", len(ids)))
			}
		}
		changes := r.ledger.take(batchChanges, batchBytes)
		if len(changes) == 0 {
			return nil
		}
		if err := r.writeBatch(ctx, m.key, changes); err != nil {
			return err
		}
	}
}

// compare removes what Redis has too much, and writes everything else.
func (r *Registry) compare(ctx context.Context, k key, ids []string) error {
	for cursor, first := uint64(0), true; first || cursor != 0; first = false {
		page, next, err := r.store.page(ctx, k, cursor, batchChanges)
		if err != nil {
			return err
		}
		cursor = next
		stored := make([]string, len(page))
		for i, record := range page {
			stored[i] = record.ID
		}
		if err := r.write(ctx, k, r.ledger.strangers(stored)); err != nil {
			return err
		}
	}
	for some := range slices.Chunk(ids, batchChanges) {
		if err := r.writeBatch(ctx, k, r.ledger.takeIDs(some)); err != nil {
			return err
		}
	}
	return nil
}

// writeBatch writes what was taken from the ledger, or gives it back.
func (r *Registry) writeBatch(ctx context.Context, k key, changes []change) error {
	err := r.write(ctx, k, changes)
	if err == nil {
		err = r.part(ctx, k, changes)
	}
	r.ledger.done(changes, err == nil)
	return err
}

func (r *Registry) write(ctx context.Context, k key, changes []change) error {
	if len(changes) == 0 {
		return nil
	}
	err := r.store.write(ctx, k, changes)
	if errors.Is(err, ErrOver) {
		// Claimed, or Redis has lost the connections: the keeper finds out.
		r.mu.Lock()
		if r.membership.key == k {
			r.membership.open = false
		}
		r.mu.Unlock()
		r.wakeKeeper.give()
	}
	if err == nil {
		r.metrics.wrote(changes)
	}
	return err
}
