package attach

import (
	"context"
	"slices"
	"time"

	clusterv1 "github.com/seed52a35d2d/realtime-server/gen/realtime/cluster/v1"
)

// announce tells other nodes of our workers until ctx ends: every pulse, and soon
// after something has changed.
func (h *Hub) announce(ctx context.Context) {
	beat, rest := time.NewTicker(h.times.pulse), time.NewTimer(0)
	defer beat.Stop()
	defer rest.Stop()
	for {
		due := false
		select {
		case <-h.nudged:
		case <-beat.C:
			due = true
		case <-ctx.Done():
			return
		}
		for _, g := range h.groups {
			if m := g.offer(due); m != nil {
				_ = h.peers.TellGroup(ctx, g.name, m) // the next one may come through
			}
		}
		rest.Reset(h.times.spacing)
		select {
		case <-rest.C:
		case <-ctx.Done():
			return
		}
	}
}

// nudge has the announcer look for changes.
func (h *Hub) nudge() {
	select {
	case h.nudged <- struct{}{}:
	default:
	}
}

// offer is what to tell others, nil if there is nothing to tell. While there are
// workers, calls of other nodes may be with them, so those need to hear that this
// node lives, whatever it offers.
func (g *group) offer(due bool) *clusterv1.Attached {
	g.mu.Lock()
	defer g.mu.Unlock()
	attached := len(g.workers) > 0
	due = g.changed || due && attached
	if !due || !attached && !g.offered {
		return nil
	}
	g.changed, g.offered, g.hadFree = false, attached, g.free() > 0
	offer := &clusterv1.Offer{Group: g.name, Waiting: int32(len(g.line))} //nolint:gosec // maxLine bounds it
	if !g.leaving {
		offer.Servings = g.offers()
	}
	return &clusterv1.Attached{Body: &clusterv1.Attached_Offer{Offer: offer}}
}

// offers are our workers, those together that take the same.
func (g *group) offers() []*clusterv1.Serving {
	var all []*clusterv1.Serving
	for _, w := range g.workers {
		if !w.present() {
			continue
		}
		i := slices.IndexFunc(all, func(s *clusterv1.Serving) bool {
			return w.equal(serving{s.GetNamespaces(), s.GetEvents()})
		})
		if i < 0 {
			if len(all) == maxServings {
				continue
			}
			i, all = len(all), append(all, &clusterv1.Serving{Namespaces: w.namespaces, Events: w.events})
		}
		all[i].Credits += int32(w.credits) //nolint:gosec // of 1000 workers at most
		all[i].Free += int32(w.free())     //nolint:gosec // likewise
	}
	return all
}
