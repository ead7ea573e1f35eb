package registry

import (
	"context"
	"slices"
)

// Settled waits until a connection that came from another node is written, and
// its former nodes are rid of it, or ctx ends: from then on its end is told by
// this node, or by those who find it dead, and by nobody else.
func (r *Registry) Settled(ctx context.Context, id string) {
	moved := r.ledger.moved(id)
	if moved == nil {
		return
	}
	select {
	case <-moved:
	case <-r.writerDone:
	case <-ctx.Done():
	}
}

// part has the former nodes of connections that were written be rid of them. This
// comes second: whoever dies in between leaves one too many, and not one too few.
func (r *Registry) part(ctx context.Context, k key, changes []change) error {
	var moved []change
	var from []string
	for _, c := range changes {
		if c.moving != nil {
			moved = append(moved, c)
			from = append(from, c.moving.From...)
		}
	}
	if len(from) == 0 {
		return nil
	}
	slices.Sort(from)
	former, err := r.store.generations(ctx, slices.Compact(from))
	if err != nil {
		return err
	}
	for _, generation := range former {
		if generation == k {
			continue
		}
		of := slices.DeleteFunc(slices.Clone(moved), func(c change) bool { return !slices.Contains(c.moving.From, generation.id) })
		parted, err := r.store.part(ctx, generation, of)
		if err != nil {
			return err
		}
		r.metrics.parted.Add(float64(parted))
	}
	return nil
}
