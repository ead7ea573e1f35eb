package main

import (
	"errors"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed52a35d2d/realtime-server/authn/authority"
	"github.com/seed52a35d2d/realtime-server/internal/reload"
	"github.com/seed52a35d2d/realtime-server/service/interceptor"
)

// validateAccess keeps the API from being open by accident.
func (c *Config) validateAccess() error {
	var faults []error
	if !c.Dev && !c.hasCallers() {
		faults = append(faults, errors.New("grpc.api_keys: at least one key is needed, for example REALTIME_GRPC_API_KEYS='{backend: <secret>}'; or start with --dev"))
	}
	if len(c.GRPC.Identities) > 0 && c.GRPC.TLS.ClientCA == "" {
		faults = append(faults, errors.New("grpc.identities: need grpc.tls.client_ca, which vouches for certificates"))
	}
	// Nobody looks after these files: it is known that they can be read.
	files := reload.New(slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	_, err := buildAccess(c, files)
	return errors.Join(append(faults, err)...)
}

// hasCallers reports whether the configuration tells of anybody who may call.
func (c *Config) hasCallers() bool {
	return len(c.GRPC.APIKeys) > 0 || c.GRPC.APIKeysFile != "" || len(c.GRPC.Identities) > 0
}

// buildAccess returns nil, which opens the API, only under dev and where nobody
// is told of. The file of keys is read, and joins those that are looked after.
func buildAccess(cfg *Config, files *reload.Reloader) (*interceptor.Access, error) {
	if cfg.Dev && !cfg.hasCallers() {
		return nil, nil
	}
	callers, err := authority.New(cfg.GRPC.APIKeys, cfg.GRPC.Identities)
	if err != nil {
		return nil, within("grpc", err)
	}
	if file := cfg.GRPC.APIKeysFile; file != "" {
		if err := files.Add(keysOf(file, callers)); err != nil {
			return nil, prefixed("grpc.api_keys_file: ", err)
		}
	}
	return &interceptor.Access{Callers: callers, Audit: cfg.GRPC.Audit}, nil
}
