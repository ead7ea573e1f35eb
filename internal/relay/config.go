package relay

import (
	"errors"
	"fmt"
	"time"
)

// Config says how requests are relayed.
type Config struct {
	// Enabled turns relaying on. Default true; it needs other nodes.
	Enabled bool `yaml:"enabled"`
	// MaxInFlight is how many requests may be under way to other nodes. A poll
	// that waits is one, and so is a WebSocket. Default 10000.
	MaxInFlight int `yaml:"max_in_flight"`
	// DialTimeout is how long it may take to connect with another node, TLS
	// included. Default 2s.
	DialTimeout time.Duration `yaml:"dial_timeout"`
	// CA is a PEM file with the authorities that may vouch for other nodes, where
	// they have TLS. Empty means those of the system.
	CA string `yaml:"ca"`
	// ServerName is the name that the certificates of other nodes must have.
	// Empty means the host of the address.
	ServerName string `yaml:"server_name"`
}

// DefaultConfig returns the configuration that suits most.
func DefaultConfig() Config {
	return Config{Enabled: true, MaxInFlight: 10_000, DialTimeout: 2 * time.Second}
}

// Validate reports everything that is wrong with c but the content of files.
func (c Config) Validate() error {
	var faults []error
	if c.MaxInFlight < 1 {
		faults = append(faults, fmt.Errorf("max_in_flight: %d is not positive", c.MaxInFlight))
	}
	if c.DialTimeout <= 0 {
		faults = append(faults, fmt.Errorf("dial_timeout: %v is not positive", c.DialTimeout))
	}
	return errors.Join(faults...)
}
