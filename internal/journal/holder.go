package journal

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Holder names a life of a node in tickets.
type Holder struct {
	// Tag is the one that the process had first: it is asked to let go by this.
	Tag string
	// Life tells it from every other process. It does not change, or the process
	// would hold none of the tickets that it has written.
	Life int64
	// Node is its id, without spaces. Empty in tickets of versions that did not say it.
	Node string
}

func (h Holder) String() string { return fmt.Sprintf("%s.%d.%s", h.Tag, h.Life, h.Node) }

// parseHolder reads what String makes. What makes no sense is left empty.
func parseHolder(s string) Holder {
	parts := append(strings.SplitN(s, ".", 3), "", "")
	life, _ := strconv.ParseInt(parts[1], 10, 64)
	return Holder{Tag: parts[0], Life: life, Node: parts[2]}
}

// nodesOf are the ids in a list of holders, each once.
func nodesOf(holders string) []string {
	var nodes []string
	for holder := range strings.FieldsSeq(holders) {
		if node := parseHolder(holder).Node; node != "" && !slices.Contains(nodes, node) {
			nodes = append(nodes, node)
		}
	}
	return nodes
}
