package registry

import (
	"context"
	"log/slog"
	"slices"
)

// tellOfDead claims generations that have ended and tells of their connections,
// one generation after another, so that many dead are shared by the living.
func (r *Registry) tellOfDead(ctx context.Context) {
	defer close(r.tellerDone)
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.draining:
			return
		case <-r.wakeTeller:
		}
		for _, dead := range r.view.Load().dead {
			if r.stopping(ctx) {
				return
			}
			r.tellOf(ctx, dead)
		}
	}
}

func (r *Registry) stopping(ctx context.Context) bool {
	select {
	case <-r.draining:
		return true
	default:
		return ctx.Err() != nil
	}
}

// tellOf tells of one generation, if it is ours to tell of.
func (r *Registry) tellOf(ctx context.Context, dead key) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	me, ok := r.beginTelling(cancel)
	if !ok {
		return
	}
	defer r.endTelling()
	ours, said, err := r.store.claim(ctx, me, dead)
	if err != nil || !ours {
		return // another look follows the next renewal
	}
	told, outcome, err := r.tellPages(ctx, me, dead, dead.node(said))
	r.metrics.claims.WithLabelValues(outcome).Inc()
	level := slog.LevelInfo
	if outcome != claimDone {
		// Others need not wait for our lease. If this fails, they do.
		_ = r.store.yield(ctx, me, dead)
		level = slog.LevelWarn
	}
	attrs := []slog.Attr{
		slog.String("node", dead.id), slog.Uint64("generation", dead.generation),
		slog.Int("connections", told), slog.String("outcome", outcome),
	}
	if err != nil {
		attrs = append(attrs, slog.Any("error", err))
	}
	r.log.LogAttrs(ctx, level, "told of a dead node", attrs...)
}

// beginTelling notes how to stop, for when our own generation is over.
func (r *Registry) beginTelling(stop context.CancelFunc) (me key, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.membership.key.generation == 0 {
		return key{}, false
	}
	r.stopTelling = stop
	return r.membership.key, true
}

func (r *Registry) endTelling() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopTelling = nil
}

// tellPages tells of all connections of a generation that is claimed, and
// forgets it. It returns of how many it has told.
func (r *Registry) tellPages(ctx context.Context, me, dead key, node Node) (told int, outcome string, err error) {
	// From here on it writes no more, so nothing is missed.
	if err := r.store.close(ctx, dead); err != nil {
		return 0, claimFailed, err
	}
	for cursor, first := uint64(0), true; first || cursor != 0; first = false {
		var records []Record
		records, cursor, err = r.store.page(ctx, dead, cursor, r.cfg.Page)
		if err != nil {
			return told, claimFailed, err
		}
		for page := range slices.Chunk(records, r.cfg.Page) {
			var some int
			some, outcome, err = r.tellPage(ctx, me, dead, node, page)
			if told += some; outcome != claimDone {
				return told, outcome, err
			}
		}
	}
	if err := r.store.drop(ctx, dead); err != nil {
		return told, claimFailed, err
	}
	if err := r.store.bury(ctx, me, dead); err != nil {
		return told, claimFailed, err
	}
	return told, claimDone, nil
}

// tellPage tells of some connections and then removes them. Those that have come
// to another node since they were read are told of by that one.
func (r *Registry) tellPage(ctx context.Context, me, dead key, node Node, page []Record) (told int, outcome string, err error) {
	if r.stopping(ctx) {
		return 0, claimStopped, nil
	}
	ours, _, err := r.store.claim(ctx, me, dead)
	switch {
	case err != nil:
		return 0, claimFailed, err
	case !ours:
		return 0, claimLost, nil
	}
	if page, err = r.store.still(ctx, dead, page); err != nil {
		return 0, claimFailed, err
	}
	if len(page) == 0 {
		return 0, claimDone, nil
	}
	if r.hooks.Dead != nil {
		told, err = r.hooks.Dead(ctx, node, page)
		r.metrics.told.Add(float64(told))
		if err != nil {
			return told, claimFailed, err
		}
	}
	if err := r.store.remove(context.WithoutCancel(ctx), dead, page); err != nil {
		return told, claimFailed, err
	}
	return told, claimDone, nil
}
