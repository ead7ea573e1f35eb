package redisbus

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"
)

// State says whether messages go through Redis.
type State string

// The states.
const (
	// StateOK: what is published comes back, on every connection that listens.
	StateOK State = "ok"
	// StateDegraded: it does not, or nobody knows yet.
	StateDegraded State = "degraded"
)

// Health is the state of a bus at a moment.
type Health struct {
	// State is ok or degraded. It begins as degraded.
	State State
	// Since is when it became so.
	Since time.Time
	// Reason is why it is degraded, for people.
	Reason string
	// Cause is the same for programs. It is empty at the start.
	Cause Cause
	// Losses counts how often it became degraded. Whoever compares it with
	// what it was knows whether messages may have been missed.
	Losses int
}

// health collects what the parts of a bus say of themselves.
type health struct {
	log     *slog.Logger
	metrics *metrics

	mu       sync.Mutex
	now      Health
	logged   bool              // that it is as it is now
	troubles map[string]*Error // by part; a part without any is well
	hooks    []func(Health)

	changed chan struct{} // hooks have something to hear
}

func newHealth(log *slog.Logger, m *metrics) *health {
	return &health{
		log: log, metrics: m,
		now:      Health{State: StateDegraded, Since: time.Now(), Reason: "not connected yet"},
		troubles: map[string]*Error{},
		changed:  make(chan struct{}, 1),
	}
}

// begin says that a part exists, of which nothing is known yet.
func (h *health) begin(part string) {
	h.set(part, &Error{Op: "connect", Cause: CauseConnect, Err: errNotYet})
}

// set says how a part is: nil is well.
func (h *health) set(part string, trouble *Error) {
	h.mu.Lock()
	if trouble == nil {
		delete(h.troubles, part)
	} else {
		h.troubles[part] = trouble
	}
	before := h.now
	h.judge()
	after := h.now
	changed := before.State != after.State
	if changed {
		h.metrics.became(after.State) // here, or two changes could be counted in the wrong order
	}
	// At the start it does not work yet, which is no news until somebody knows why.
	news := changed || !h.logged && trouble != nil && !errors.Is(trouble.Err, errNotYet)
	h.logged = h.logged || news
	h.mu.Unlock()
	if news {
		h.tell(after)
	}
	if changed {
		signal(h.changed)
	}
}

// judge makes one state of all parts. h.mu is held.
func (h *health) judge() {
	if len(h.troubles) == 0 {
		if h.now.State != StateOK {
			h.now = Health{State: StateOK, Since: time.Now(), Losses: h.now.Losses}
		}
		return
	}
	if h.now.State != StateDegraded {
		h.now = Health{State: StateDegraded, Since: time.Now(), Losses: h.now.Losses + 1}
	}
	first := h.first()
	h.now.Reason, h.now.Cause = first+": "+h.troubles[first].Error(), h.troubles[first].Cause
}

// first is the part to speak of: the first of which something is known. h.mu is
// held.
func (h *health) first() string {
	parts := slices.Sorted(maps.Keys(h.troubles))
	for _, part := range parts {
		if !errors.Is(h.troubles[part].Err, errNotYet) {
			return part
		}
	}
	return parts[0]
}

// tell logs how it is now.
func (h *health) tell(now Health) {
	if now.State == StateOK {
		h.log.Info("redis works")
	} else {
		h.log.Warn("redis does not work", slog.String("reason", now.Reason))
	}
}

func (h *health) get() Health {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *health) hook(fn func(Health)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hooks = append(h.hooks, fn)
}

// run calls the hooks, one after another, until ctx ends. If the state changes
// while they run they are told the last one, whose Losses says that there were
// more.
func (h *health) run(ctx context.Context) {
	for {
		select {
		case <-h.changed:
		case <-ctx.Done():
			return
		}
		h.mu.Lock()
		now, hooks := h.now, slices.Clone(h.hooks)
		h.mu.Unlock()
		for _, hook := range hooks {
			hook(now)
		}
	}
}
