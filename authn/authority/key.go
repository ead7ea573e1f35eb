package authority

import "go.yaml.in/yaml/v3"

// Key is an API key and what it allows. In a configuration it is a map, or the
// secret alone, which allows everything.
type Key struct {
	// Secret is what calls bring, at least [apikey.MinKeyBytes] long.
	Secret Secret `yaml:"key"`
	Grant  `yaml:",inline"`
}

// Secret is a string that is not printed.
type Secret string

// masked stands for a secret. It is too short to be one.
const masked = "********"

// String implements [fmt.Stringer].
func (Secret) String() string { return masked }

// GoString implements [fmt.GoStringer].
func (Secret) GoString() string { return masked }

// UnmarshalYAML implements [yaml.Unmarshaler].
func (k *Key) UnmarshalYAML(node *yaml.Node) error {
	*k = Key{}
	if node.Kind == yaml.ScalarNode && !isNothing(node) {
		k.Secret = Secret(node.Value)
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
		return masked, nil
	}
	said["key"] = masked
	return said, nil
}
