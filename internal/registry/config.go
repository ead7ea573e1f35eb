package registry

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Config says how a node takes part in the registry. All nodes should have the
// same.
type Config struct {
	// Prefix begins every key; nodes with another one do not see each other. It
	// must not contain braces. Default "realtime".
	Prefix string `yaml:"-"`
	// Lease is how long a node lives without renewing, which it does three times
	// in that time. Default 15s, at least 100ms.
	Lease time.Duration `yaml:"lease"`
	// TagRest is how many leases a tag rests after its node has died. Default 5.
	TagRest int `yaml:"-"`
	// Retention is how long Redis keeps the connections of nodes that have all
	// died; the next node to start tells of them. Default 24h, at least ten leases.
	Retention time.Duration `yaml:"retention"`
	// Linger is how long a change waits to be written together with others. A
	// connection that does not last longer is never written. Default 100ms, 0
	// writes at once.
	Linger time.Duration `yaml:"-"`
	// MaxPending bounds the bytes that are kept about changes that wait to be
	// written. With more, changes are not noted one by one; everything is
	// compared and written again once Redis takes it. Default 4 MiB.
	MaxPending int `yaml:"-"`
	// Page is how many connections of a dead node are told at a time. Default 256.
	Page int `yaml:"-"`
}

// DefaultConfig returns the configuration that suits most.
func DefaultConfig() Config {
	return Config{
		Prefix: "realtime", Lease: 15 * time.Second, TagRest: 5, Retention: 24 * time.Hour,
		Linger: 100 * time.Millisecond, MaxPending: 4 << 20, Page: 256,
	}
}

// Validate reports everything that is wrong with c.
func (c Config) Validate() error {
	var faults []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	fault(c.Prefix == "" || strings.ContainsAny(c.Prefix, "{}"), "prefix: %q is empty or has braces", c.Prefix)
	fault(c.Lease < 100*time.Millisecond, "lease: %v is less than 100ms", c.Lease)
	fault(c.TagRest < 1, "tag_rest: %d is not positive", c.TagRest)
	fault(c.Retention < 10*c.Lease, "retention: %v is less than ten leases", c.Retention)
	fault(c.Linger < 0, "linger: %v is negative", c.Linger)
	fault(c.MaxPending <= 0, "max_pending: %d is not positive", c.MaxPending)
	fault(c.Page <= 0, "page: %d is not positive", c.Page)
	return errors.Join(faults...)
}

// tagRest is how long a tag outlives its last renewal.
func (c Config) tagRest() time.Duration { return time.Duration(c.TagRest+1) * c.Lease }

// renewal is how long a lease is left alone.
func (c Config) renewal() time.Duration { return c.Lease / 3 }
