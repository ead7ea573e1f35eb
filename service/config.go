package service

import (
	"errors"
	"fmt"
	"strings"
)

// Config holds the limits of the API and what backends see of clients.
type Config struct {
	// Headers are the handshake headers that authenticators and backends see,
	// by lower-case name. Default: user-agent, accept-language, origin,
	// referer, x-request-id. Add cookie or authorization if the backend checks
	// them.
	Headers []string `yaml:"headers"`
	// MaxNames is how many rooms, users or connections one list of a request
	// may name. Default 1000.
	MaxNames int `yaml:"max_names"`
	// MaxArgs is how many arguments an event may have. Default 64.
	MaxArgs int `yaml:"max_args"`
	// Revocation has a section of its own in the configuration.
	Revocation RevocationConfig `yaml:"-"`
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config {
	return Config{
		Headers:  []string{"user-agent", "accept-language", "origin", "referer", "x-request-id"},
		MaxNames: 1000,
		MaxArgs:  64,

		Revocation: DefaultRevocationConfig(),
	}
}

// Validate reports everything that is wrong with c.
func (c Config) Validate() error {
	var faults []error
	for i, name := range c.Headers {
		if name == "" || name != strings.ToLower(name) {
			faults = append(faults, fmt.Errorf("headers[%d]: %q is not a lower-case name", i, name))
		}
	}
	if c.MaxNames <= 0 {
		faults = append(faults, fmt.Errorf("max_names: %d is not positive", c.MaxNames))
	}
	if c.MaxArgs <= 0 {
		faults = append(faults, fmt.Errorf("max_args: %d is not positive", c.MaxArgs))
	}
	return errors.Join(faults...)
}
