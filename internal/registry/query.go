package registry

import "context"

// Presence is how many connections a living node has.
type Presence struct {
	Node        Node
	Connections int
}

// User finds the living nodes on which a user has connections in a namespace. It
// is as fresh as what the nodes have written, and costs one round trip to each
// shard of Redis.
func (r *Registry) User(ctx context.Context, namespace, user string) ([]Presence, error) {
	return r.where(ctx, userField(namespace, user))
}

// Namespace finds the living nodes that have connections in a namespace, as User
// does.
func (r *Registry) Namespace(ctx context.Context, namespace string) ([]Presence, error) {
	return r.where(ctx, namespaceField(namespace))
}

func (r *Registry) where(ctx context.Context, field string) ([]Presence, error) {
	nodes, err := r.Nodes(ctx)
	if err != nil {
		return nil, err
	}
	keys := make([]key, len(nodes))
	for i, node := range nodes {
		keys[i] = key{node.ID, node.Generation}
	}
	counts, err := r.store.count(ctx, keys, field)
	if err != nil {
		return nil, err
	}
	var all []Presence
	for i, n := range counts {
		if n > 0 {
			all = append(all, Presence{nodes[i], n})
		}
	}
	return all, nil
}
