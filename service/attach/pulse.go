package attach

import (
	"context"
	"time"
)

// beat does what has to be done every pulse, until ctx ends.
func (h *Hub) beat(ctx context.Context) {
	pulse := time.NewTicker(h.times.pulse)
	defer pulse.Stop()
	for {
		select {
		case <-pulse.C:
			for _, g := range h.groups {
				g.beat(time.Now())
			}
		case <-ctx.Done():
			return
		}
	}
}

func (g *group) beat(now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, w := range g.workers {
		w.beat(now)
	}
	g.expire(now)
	g.forget(now)
	g.reconsider()
}

// beat pings the worker, and looks how long it has been silent.
func (w *worker) beat(now time.Time) {
	w.unasked = max(0, w.unasked-unaskedPerPulse)
	w.ping, w.pinged = true, true
	w.signal()
	switch silence := now.Sub(w.heard); {
	case silence > w.group.hub.times.gone:
		w.end(errSilentWorker)
	case silence > w.group.hub.times.silent && !w.silent:
		w.silent = true
		w.rescue()
		w.group.change()
	}
}

// rescue finds others for the calls of a worker that has become silent. What it
// may have begun and nobody may repeat stays: it may answer yet.
func (w *worker) rescue() {
	for _, id := range w.ids() {
		c, begun := w.calls[id].call, w.calls[id].sent
		if c != nil && c.mayBegin(begun) {
			w.drop(id)
			w.group.lost(c, begun)
		}
	}
}
