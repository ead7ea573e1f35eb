package registry

import (
	"context"
	"log/slog"
	"maps"
	"slices"
)

// compareSettings logs in what another node differs from this one. Of two nodes
// the later one says so, once: that is the one that somebody has just started.
func (r *Registry) compareSettings(ctx context.Context, other Node) {
	if other.Settings == nil || other.Generation > r.Generation() {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(r.settings)) {
		there, said := other.Settings[key]
		if here := r.settings[key]; said && here != there {
			r.log.LogAttrs(ctx, slog.LevelWarn, "another node has a different setting, which all should share",
				slog.String("key", key), slog.String("here", here), slog.String("node", other.ID), slog.String("there", there))
		}
	}
}
