package main

import (
	"errors"

	"github.com/seed52a35d2d/realtime-server/authn/authority"
	"github.com/seed52a35d2d/realtime-server/service/interceptor"
)

// validateAccess keeps the API from being open by accident.
func (c *Config) validateAccess() error {
	var faults []error
	if !c.Dev && !c.hasCallers() {
		faults = append(faults, errors.New("grpc.api_keys: at least one key is needed, for example REALTIME_GRPC_API_KEYS='{backend: <secret>}'; or start with --dev"))
	}
	_, err := buildAccess(c)
	return errors.Join(append(faults, within("grpc", err))...)
}

// hasCallers reports whether anybody may call.
func (c *Config) hasCallers() bool { return len(c.GRPC.APIKeys) > 0 }

// buildAccess returns nil, which opens the API, only under dev and where nobody
// is known.
func buildAccess(cfg *Config) (*interceptor.Access, error) {
	if cfg.Dev && !cfg.hasCallers() {
		return nil, nil
	}
	callers, err := authority.New(cfg.GRPC.APIKeys, nil)
	if err != nil {
		return nil, err
	}
	return &interceptor.Access{Callers: callers, Audit: cfg.GRPC.Audit}, nil
}
