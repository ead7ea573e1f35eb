package registry

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// view is the directory as one script saw it. It does not change.
type view struct {
	// now, seen and calm are times of Redis in ms; see prelude.lua.
	now, seen, calm int64
	// nodes are those that live, by tag; untagged are those whose tag is unknown.
	nodes    map[string]Node
	untagged []Node
	// dead are the generations that have to be told of.
	dead []key
	// next is how long it takes until the first lease ends, 0 if none does.
	next time.Duration
	// gone are node ids that have no generation, and since when.
	gone map[string]int64
}

// parseView reads what view.lua returns. What makes no sense is left out.
func parseView(reply []any) *view {
	v := &view{nodes: map[string]Node{}, gone: map[string]int64{}}
	if len(reply) != 2 {
		return v
	}
	v.now = number(reply[0])
	fields := map[string]string{}
	list, _ := reply[1].([]any)
	for i := 0; i+1 < len(list); i += 2 {
		name, _ := list[i].(string)
		fields[name], _ = list[i+1].(string)
	}
	v.seen, v.calm = number(fields["seen"]), number(fields["calm"])
	for name, value := range fields {
		kind, rest, _ := strings.Cut(name, ":")
		switch kind {
		case "l":
			if k, ok := parseKey(rest); ok {
				v.add(k, value, fields)
			}
		case "@":
			if last, end := lastGeneration(rest, value); end > 0 && fields["l:"+last.String()] == "" {
				v.gone[rest] = end
			}
		}
	}
	slices.SortFunc(v.dead, func(a, b key) int { return cmp.Compare(a.String(), b.String()) })
	return v
}

func number(of any) int64 {
	s, _ := of.(string)
	n, _ := strconv.ParseInt(s, 10, 64)
	return n
}

// lastGeneration reads the field "@:<id>".
func lastGeneration(id, value string) (last key, end int64) {
	parts := strings.Split(value, " ")
	if len(parts) != 3 {
		return key{}, 0
	}
	last, _ = parseKey(id + "/" + parts[0])
	return last, number(parts[2])
}

// add sorts one generation in. It decides as lapsed of prelude.lua does; that
// one is asked again before anybody acts.
func (v *view) add(k key, lease string, fields map[string]string) {
	ends, length, _ := strings.Cut(lease, " ")
	left, whole := number(ends)-v.now, number(length)
	_, claimed := fields["c:"+k.String()]
	silent := v.now-v.seen > whole/2 || v.seen > v.now
	lapsed := v.calm <= v.now && !silent && (left <= 0 || left > whole)
	if claimed || lapsed || lease == "0" {
		v.dead = append(v.dead, k)
		return
	}
	node := k.node(fields["i:"+k.String()])
	node.Renewed = time.Duration(max(0, whole-left)) * time.Millisecond
	if node.Tag == "" {
		v.untagged = append(v.untagged, node)
	} else {
		v.nodes[node.Tag] = node
	}
	until := time.Duration(max(left, v.calm-v.now, 1)) * time.Millisecond
	if v.next == 0 || until < v.next {
		v.next = until
	}
}

// all are the living nodes, by id.
func (v *view) all() []Node {
	all := slices.Clone(v.untagged)
	for _, node := range v.nodes {
		all = append(all, node)
	}
	slices.SortFunc(all, func(a, b Node) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Generation, b.Generation))
	})
	return all
}

// sweepable are up to most ids that have been gone for long.
func (v *view) sweepable(long time.Duration, most int) []string {
	var ids []string
	for id, end := range v.gone {
		if v.now-end > long.Milliseconds() && len(ids) < most {
			ids = append(ids, id)
		}
	}
	return ids
}

// with is v and those nodes of old that v lacks: Redis has lost the registry,
// and the nodes come back one by one.
func (v *view) with(old *view) *view {
	both := *v
	both.nodes = map[string]Node{}
	seen := map[string]bool{}
	for _, node := range v.all() {
		seen[node.ID] = true
	}
	for tag, node := range old.nodes {
		if !seen[node.ID] {
			both.nodes[tag] = node
		}
	}
	maps.Copy(both.nodes, v.nodes)
	return &both
}

// Nodes asks Redis which nodes live.
func (r *Registry) Nodes(ctx context.Context) ([]Node, error) {
	v, err := r.store.look(ctx)
	if err != nil {
		return nil, err
	}
	return v.all(), nil
}

// Known are the nodes that lived when the lease was last renewed, without a
// round trip.
func (r *Registry) Known() []Node { return r.view.Load().all() }

// NodeByTag finds the living node that a tag belongs to, as of the last renewal
// of our own lease: without a round trip, and also while Redis is away. Find
// knows of those that have joined since.
func (r *Registry) NodeByTag(tag string) (Node, bool) {
	node, ok := r.view.Load().nodes[tag]
	return node, ok
}

// generations are the living nodes by their generation.
func (v *view) generations() map[key]Node {
	all := map[key]Node{}
	for _, node := range v.all() {
		all[key{node.ID, node.Generation}] = node
	}
	return all
}
