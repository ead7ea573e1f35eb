package authority

import (
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"
)

// readSettings reads a map into the targets of its keys, and reports every
// fault with its line. It says no value, which may be a secret in the wrong
// place. [yaml.Node.Decode] would pass over a key that does not exist, and a
// caller with misspelt scopes would have all of them; for the same reason a
// setting without a value is a fault.
func readSettings(node *yaml.Node, what string, targets map[string]any) error {
	if node.Kind != yaml.MappingNode {
		return faults(fmt.Sprintf("line %d: %s wants a map", node.Line, what))
	}
	var found, seen []string
	for i := 0; i+1 < len(node.Content); i += 2 {
		name, value := node.Content[i], resolved(node.Content[i+1])
		target, known := targets[name.Value]
		switch {
		case !known:
			found = append(found, fmt.Sprintf("line %d: %s has no setting %q", name.Line, what, name.Value))
		case slices.Contains(seen, name.Value):
			found = append(found, fmt.Sprintf("line %d: %s stands twice", name.Line, name.Value))
		case isNothing(value):
			found = append(found, fmt.Sprintf("line %d: %s has no value; leave it out for what it means then", name.Line, name.Value))
		case value.Decode(target) != nil:
			found = append(found, fmt.Sprintf("line %d: %s has a value of the wrong kind", name.Line, name.Value))
		}
		seen = append(seen, name.Value)
	}
	return faults(found...)
}

// faults are an error that the decoder reports together with others of its own;
// nil if there are none.
func faults(found ...string) error {
	if len(found) == 0 {
		return nil
	}
	return &yaml.TypeError{Errors: found}
}

func resolved(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

func isNothing(node *yaml.Node) bool {
	return node.ShortTag() == "!!null" || node.Kind == yaml.SequenceNode && len(node.Content) == 0
}
