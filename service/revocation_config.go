package service

import (
	"errors"
	"fmt"
	"time"
)

// RevocationConfig says how revoked credentials are remembered.
type RevocationConfig struct {
	// TTL is how long a credential is refused if the caller does not say when it
	// ends. No credential should live for longer.
	TTL time.Duration `yaml:"ttl"`
	// Max is how many revocations are remembered.
	Max int `yaml:"max"`
}

// DefaultRevocationConfig returns the defaults.
func DefaultRevocationConfig() RevocationConfig {
	return RevocationConfig{TTL: 24 * time.Hour, Max: 100_000}
}

// Validate reports everything that is wrong with c.
func (c RevocationConfig) Validate() error {
	var faults []error
	if c.TTL <= 0 {
		faults = append(faults, fmt.Errorf("ttl: %v is not a positive time", c.TTL))
	}
	if c.Max <= 0 {
		faults = append(faults, fmt.Errorf("max: %d is not positive", c.Max))
	}
	return errors.Join(faults...)
}
