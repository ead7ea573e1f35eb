package authn

// Secret is a text of the configuration that is not printed.
type Secret string

// masked stands for a secret. It is too short to be one.
const masked = "********"

// String implements [fmt.Stringer].
func (s Secret) String() string {
	if s == "" {
		return "" // which is to be seen
	}
	return masked
}

// GoString implements [fmt.GoStringer].
func (s Secret) GoString() string { return s.String() }

// MarshalYAML implements the Marshaler of packages for YAML.
func (s Secret) MarshalYAML() (any, error) { return s.String(), nil }
