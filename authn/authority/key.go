package authority

import (
	"go.yaml.in/yaml/v3"

	"github.com/seed52a35d2d/realtime-server/authn"
)

// Key is an API key and what it allows. In a configuration it is a map, or the
// secret alone, which allows everything.
type Key struct {
	// Secret is what calls bring, at least [apikey.MinKeyBytes] long.
	Secret authn.Secret `yaml:"key"`
	Grant  `yaml:",inline"`
}

// UnmarshalYAML implements [yaml.Unmarshaler].
func (k *Key) UnmarshalYAML(node *yaml.Node) error {
	*k = Key{}
	if node.Kind == yaml.ScalarNode && !isNothing(node) {
		k.Secret = authn.Secret(node.Value)
		return nil
	}
	targets := k.targets()
	targets["key"] = &k.Secret
	return readSettings(node, "an API key", targets)
}

// MarshalYAML implements [yaml.Marshaler].
func (k Key) MarshalYAML() (any, error) {
	said := k.settings()
	if len(said) == 0 {
		return k.Secret, nil
	}
	said["key"] = k.Secret
	return said, nil
}
