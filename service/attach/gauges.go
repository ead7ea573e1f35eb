package attach

import "github.com/prometheus/client_golang/prometheus"

// gauges tell what the groups have, whenever they are asked.
type gauges struct {
	groups map[string]*group
	all    []gauge
}

type gauge struct {
	desc *prometheus.Desc
	of   func(*group) int // under the lock of the group
}

func newGauges(groups map[string]*group) *gauges {
	gs := &gauges{groups: groups}
	add := func(name, help string, of func(*group) int) {
		gs.all = append(gs.all, gauge{prometheus.NewDesc("realtime_attach_"+name, help, []string{"group"}, nil), of})
	}
	add("workers", "Workers that are attached to this node.", func(g *group) int { return len(g.workers) })
	add("credits", "Calls that the workers of this node take at once.", func(g *group) (n int) {
		for _, w := range g.workers {
			n += w.credits
		}
		return n
	})
	add("credits_used", "Calls that the workers of this node have.", func(g *group) (n int) {
		for _, w := range g.workers {
			n += len(w.calls)
		}
		return n
	})
	add("calls_waiting", "Calls that wait for a worker.", func(g *group) int { return len(g.line) })
	return gs
}

// Describe implements [prometheus.Collector].
func (gs *gauges) Describe(descs chan<- *prometheus.Desc) {
	for _, one := range gs.all {
		descs <- one.desc
	}
}

// Collect implements [prometheus.Collector].
func (gs *gauges) Collect(metrics chan<- prometheus.Metric) {
	for name, g := range gs.groups {
		for _, one := range gs.all {
			g.mu.Lock()
			n := one.of(g)
			g.mu.Unlock()
			metrics <- prometheus.MustNewConstMetric(one.desc, prometheus.GaugeValue, float64(n), name)
		}
	}
}
