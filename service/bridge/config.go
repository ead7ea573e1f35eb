package bridge

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/seed52a35d2d/realtime-server/sio/nodewire"
)

// Config says how Node's servers on the same Redis speak to each other.
type Config struct {
	// Dialect is "classic" for servers with createAdapter of
	// @socket.io/redis-adapter, and for @socket.io/redis-emitter; "sharded" for
	// servers with createShardedAdapter. Default empty: there are none.
	Dialect string `yaml:"dialect"`
	// Prefix begins the names of their channels: their option `key`, or
	// `channelPrefix`. Default "socket.io".
	Prefix string `yaml:"prefix"`
	// SubscriptionMode is the `subscriptionMode` of sharded servers: "dynamic",
	// "dynamic-private" or "static". Default "dynamic".
	SubscriptionMode string `yaml:"subscription_mode"`
	// RequestsTimeout is how long they may take to answer, where the caller has
	// no earlier deadline. Default 5s.
	RequestsTimeout time.Duration `yaml:"requests_timeout"`
}

// The dialects.
const (
	classicDialect = "classic"
	shardedDialect = "sharded"
)

// modes are Node's words for the modes.
var modes = map[string]nodewire.Mode{
	"dynamic":         nodewire.Dynamic,
	"dynamic-private": nodewire.DynamicPrivate,
	"static":          nodewire.Static,
}

// DefaultConfig returns the configuration without a bridge.
func DefaultConfig() Config {
	return Config{Prefix: nodewire.DefaultPrefix, SubscriptionMode: "dynamic", RequestsTimeout: 5 * time.Second}
}

// Enabled reports whether there is a bridge.
func (c Config) Enabled() bool { return c.Dialect != "" }

// Sharded reports whether the channels are sharded.
func (c Config) Sharded() bool { return c.Dialect == shardedDialect }

// PerSocket reports whether every socket has a channel of its own.
func (c Config) PerSocket() bool {
	return c.Dialect == shardedDialect && modes[c.SubscriptionMode] == nodewire.DynamicPrivate
}

// maxPrefix is the longest prefix, in bytes.
const maxPrefix = 64

// Validate reports everything that is wrong with c.
func (c Config) Validate() error {
	var faults []error
	switch c.Dialect {
	case "", classicDialect, shardedDialect:
	default:
		faults = append(faults, fmt.Errorf("dialect: %q is neither classic nor sharded", c.Dialect))
	}
	if c.Prefix == "" || len(c.Prefix) > maxPrefix || strings.ContainsRune(c.Prefix, 0) {
		faults = append(faults, fmt.Errorf("prefix: must have 1 to %d bytes, without NUL", maxPrefix))
	}
	if _, known := modes[c.SubscriptionMode]; !known {
		faults = append(faults, fmt.Errorf("subscription_mode: %q is none of dynamic, dynamic-private and static", c.SubscriptionMode))
	}
	if c.RequestsTimeout <= 0 {
		faults = append(faults, fmt.Errorf("requests_timeout: %v is not positive", c.RequestsTimeout))
	}
	return errors.Join(faults...)
}
