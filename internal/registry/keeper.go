package registry

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"time"
)

// keeper is what only the goroutine keep uses.
type keeper struct {
	failures int
	// attempt is the join that is wanted; it stays the same until one succeeds,
	// so that an answer that was lost does not cost a generation.
	attempt string
	// previous is the last generation of this process.
	previous key
	// old is what was known before Redis lost it, shown until oldUntil.
	old      *view
	oldUntil time.Duration
}

// keep renews the lease until ctx ends.
func (r *Registry) keep(ctx context.Context) {
	defer close(r.keeperDone)
	timer := time.NewTimer(0)
	defer timer.Stop()
	var k keeper
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-r.wakeKeeper:
		}
		began := elapsed()
		err := r.advance(ctx, &k)
		r.attempted(began)
		if ctx.Err() != nil {
			return
		}
		timer.Reset(r.nextRenewal(ctx, &k, err))
	}
}

// nextRenewal notes how the last one went, and says how long to wait for the next.
func (r *Registry) nextRenewal(ctx context.Context, k *keeper, err error) time.Duration {
	r.failed(&r.faults.renewal, err)
	if err != nil {
		k.failures++
		r.metrics.renewals.WithLabelValues("failed").Inc()
		if k.failures == 1 {
			r.log.LogAttrs(ctx, slog.LevelWarn, "registry cannot be reached", slog.Any("error", err))
		}
		return backOff(k.failures, r.cfg.renewal())
	}
	if k.failures > 0 {
		r.log.LogAttrs(ctx, slog.LevelInfo, "registry is reached again", slog.Int("failures", k.failures))
		k.failures = 0
	}
	wait := jittered(r.cfg.renewal())
	if next := r.view.Load().next; next > 0 {
		// Somebody may be dead by then.
		wait = min(wait, next+5*time.Millisecond)
	}
	return wait
}

// advance joins or renews, and looks who else lives.
func (r *Registry) advance(ctx context.Context, k *keeper) error {
	if err := r.hold(ctx, k); err != nil {
		return err
	}
	if err := r.openConnections(ctx); err != nil {
		return err
	}
	return r.refresh(ctx, k)
}

// hold gets or keeps a generation, if one is wanted.
func (r *Registry) hold(ctx context.Context, k *keeper) error {
	m := r.member()
	if m.key.generation != 0 {
		over, err := r.renew(ctx, m)
		if err != nil || over == 0 {
			return err
		}
		r.over(ctx, k, m.key, over)
	}
	if r.member().wanted {
		return r.join(ctx, k)
	}
	return nil
}

// renew returns why the generation is over, 0 if it is not.
func (r *Registry) renew(ctx context.Context, m membership) (Reason, error) {
	said, sent := r.say(m), elapsed()
	over, tagOurs, err := r.store.renew(ctx, m.key, said)
	if err != nil || over != 0 {
		return over, err
	}
	r.metrics.renewals.WithLabelValues("ok").Inc()
	r.mu.Lock()
	r.membership.renewed = sent
	r.mu.Unlock()
	if !tagOurs {
		r.changeTag(ctx)
		r.wakeKeeper.give() // the others must hear of it
	}
	return 0, nil
}

// say is what this node tells of itself.
func (r *Registry) say(m membership) info {
	return info{
		Tag: m.tag, Version: r.version, Address: r.address, Settings: r.settings, Started: m.started, Load: r.load(),
	}
}

// over ends a generation that somebody else has ended, and asks what now.
func (r *Registry) over(ctx context.Context, k *keeper, was key, reason Reason) {
	r.leaveGeneration(was)
	k.previous = was
	r.metrics.renewals.WithLabelValues("over").Inc()
	r.metrics.endings.WithLabelValues(reason.String()).Inc()
	r.log.LogAttrs(ctx, slog.LevelWarn, "generation of this node is over",
		slog.Uint64("generation", was.generation), slog.String("reason", reason.String()))
	if reason == Forgotten {
		k.old, k.oldUntil = r.view.Load(), elapsed()+r.cfg.Lease
	}
	rejoin := reason != Superseded
	if r.hooks.Over != nil {
		rejoin = r.hooks.Over(ctx, Ending{was.generation, reason})
	}
	if rejoin {
		r.mu.Lock()
		r.membership.wanted = true
		r.mu.Unlock()
	}
}

// join begins a generation.
func (r *Registry) join(ctx context.Context, k *keeper) error {
	if k.attempt == "" {
		k.attempt = rand.Text()
	}
	for range 8 {
		m := r.member()
		said, sent := r.say(m), elapsed()
		got, err := r.store.join(ctx, r.id, k.attempt, said, k.previous)
		if err != nil {
			return err
		}
		if got.tagTaken {
			r.changeTag(ctx)
			continue
		}
		r.entered(ctx, got, sent)
		k.attempt = ""
		if k.previous.generation != 0 && got.previousGone {
			// Nobody will ever read them. If this fails, they expire.
			_ = r.store.drop(ctx, k.previous)
		}
		return nil
	}
	return fmt.Errorf("registry: join: %w: every tag is taken", ErrUnavailable)
}

// entered notes a new generation.
func (r *Registry) entered(ctx context.Context, got joined, sent time.Duration) {
	r.mu.Lock()
	m := &r.membership
	m.key, m.renewed, m.open, m.wanted = got.key, sent, false, false
	m.last = got.key.generation
	if m.started == 0 {
		m.started = got.now
	}
	close(m.joined)
	tag := m.tag
	r.mu.Unlock()
	r.metrics.renewals.WithLabelValues("ok").Inc()
	r.metrics.joined.Set(1)
	r.log.LogAttrs(ctx, slog.LevelInfo, "joined the registry", slog.String("node", r.id),
		slog.Uint64("generation", got.key.generation), slog.String("tag", tag))
}

// leaveGeneration forgets a generation, so that nothing is done with it any more.
func (r *Registry) leaveGeneration(was key) {
	r.mu.Lock()
	if r.membership.key == was {
		r.membership.key, r.membership.open, r.membership.wanted = key{}, false, false
		r.membership.joined = make(chan struct{})
	}
	stop := r.stopTelling
	r.mu.Unlock()
	r.metrics.joined.Set(0)
	if stop != nil {
		stop()
	}
}

// changeTag draws another tag, because somebody else has ours.
func (r *Registry) changeTag(ctx context.Context) {
	tag := newTag()
	r.mu.Lock()
	r.membership.tag = tag
	r.mu.Unlock()
	r.metrics.tags.Inc()
	r.log.LogAttrs(ctx, slog.LevelWarn, "another node has our tag, a new one was drawn", slog.String("tag", tag))
	if r.hooks.Renamed != nil {
		r.hooks.Renamed()
	}
}

// openConnections lets the writer write, and has it write everything again if
// Redis has nothing.
func (r *Registry) openConnections(ctx context.Context) error {
	m := r.member()
	if m.key.generation == 0 {
		return nil
	}
	state, err := r.store.open(ctx, m.key)
	if err != nil {
		return err
	}
	if state == fenceClosed {
		r.wakeKeeper.give() // claimed since we renewed, as we hear then
		return nil
	}
	r.mu.Lock()
	r.membership.open = true
	r.mu.Unlock()
	if state == fenceNew || !m.open {
		r.ledger.compareAll()
	}
	r.wakeWriter.give()
	return nil
}

// refresh looks who lives, and wakes those who have to do with it.
func (r *Registry) refresh(ctx context.Context, k *keeper) error {
	v, err := r.store.look(ctx)
	if err != nil {
		return err
	}
	if k.old != nil && elapsed() < k.oldUntil {
		v = v.with(k.old)
	} else {
		k.old = nil
	}
	before := r.view.Swap(v)
	r.logChanges(ctx, before, v)
	r.metrics.nodes.Set(float64(len(v.nodes) + len(v.untagged)))
	if len(v.dead) > 0 {
		r.wakeTeller.give()
	}
	if ids := v.sweepable(r.cfg.Retention, 100); len(ids) > 0 {
		return r.store.sweep(ctx, ids)
	}
	return nil
}

// logChanges logs which other nodes came and went.
func (r *Registry) logChanges(ctx context.Context, before, now *view) {
	known, living := before.generations(), now.generations()
	for k, node := range living {
		if _, ok := known[k]; !ok && k.id != r.id {
			r.log.LogAttrs(ctx, slog.LevelInfo, "a node has joined", slog.String("node", k.id),
				slog.Uint64("generation", k.generation), slog.String("tag", node.Tag), slog.String("version", node.Version))
			r.compareSettings(ctx, node)
		}
	}
	for k := range known {
		if _, ok := living[k]; !ok && k.id != r.id {
			r.log.LogAttrs(ctx, slog.LevelInfo, "a node is gone", slog.String("node", k.id),
				slog.Uint64("generation", k.generation))
		}
	}
}
