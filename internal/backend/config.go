package backend

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Config says how one backend is called.
type Config struct {
	// Target is the gRPC address, for example "chat:50051", "dns:///chat:50051"
	// or "unix:/run/chat.sock". Calls are spread over all addresses of a name.
	// Either this or Attach is required.
	Target string `yaml:"target"`
	// Attach is the group whose workers dial out and serve the calls over streams
	// of Realtime.Attach. 1 to 64 of the characters A-Z a-z 0-9 . _ -.
	Attach string `yaml:"attach"`
	// Limits say how much is asked of it.
	Limits `yaml:",inline"`
	// MaxReplyBytes is the largest reply that is taken. Default 4 MiB.
	MaxReplyBytes int `yaml:"max_reply_bytes"`
	// Metadata is sent with every call, for example an authorization. Names
	// are in lower case. Default none.
	Metadata map[string]string `yaml:"metadata"`
	// TLS protects the connection. Default off.
	TLS TLS `yaml:"tls"`
}

// DefaultConfig returns the configuration that needs only a target.
func DefaultConfig() Config {
	return Config{Limits: DefaultLimits(), MaxReplyBytes: 4 << 20}
}

// Enabled reports whether there is a backend at all.
func (c Config) Enabled() bool { return c.Target != "" || c.Attach != "" }

// validGroup is what a group may be called.
var validGroup = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// Validate reports everything that is wrong with c but the content of the
// TLS files, which [New] reads.
func (c Config) Validate() error {
	var faults []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	fault(!c.Enabled(), "target: is required, or attach")
	fault(c.Target != "" && c.Attach != "", "attach: excludes target")
	fault(c.Attach != "" && !validGroup.MatchString(c.Attach), "attach: %q is not 1 to 64 of A-Z a-z 0-9 . _ -", c.Attach)
	fault(c.Attach != "" && c.TLS != TLS{}, "tls: workers dial out; it needs target")
	faults = append(faults, c.Limits.Validate())
	fault(c.MaxReplyBytes <= 0, "max_reply_bytes: %d is not positive", c.MaxReplyBytes)
	for _, name := range slices.Sorted(maps.Keys(c.Metadata)) {
		fault(!validMetadataName(name), "metadata: %q is not a lower-case header name outside of grpc-", name)
	}
	fault((c.TLS.Cert == "") != (c.TLS.Key == ""), "tls: cert and key need each other")
	fault(!c.TLS.Enabled && c.TLS != TLS{}, "tls: has files or a server name but is not enabled")
	return errors.Join(faults...)
}

// validMetadataName follows the gRPC protocol: names are lower-case letters,
// digits and "_-.", and those that begin with "grpc-" are its own.
func validMetadataName(name string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789_-."
	return name != "" && strings.Trim(name, letters) == "" && !strings.HasPrefix(name, "grpc-")
}
