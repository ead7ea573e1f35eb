package main

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed52a35d2d/realtime-server/authn/authority"
	"github.com/seed52a35d2d/realtime-server/authn/chain"
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
	return errors.Join(append(faults, c.validateScopes(), err)...)
}

// validateScopes reports what the configuration counts on, and no caller may do.
func (c *Config) validateScopes() error {
	var faults []error
	if groups := c.attachGroups(); len(groups) > 0 && !c.someoneMay(authority.Attach) {
		faults = append(faults, fmt.Errorf("grpc.api_keys: none may attach, which the workers of %q have to", groups))
	}
	for _, name := range c.SocketIO.Namespaces {
		if n := c.Namespaces[name]; slices.Contains(n.Chain, chain.Ticket) && !c.someoneMay(authority.Manage) {
			faults = append(faults, fmt.Errorf("grpc.api_keys: none may manage, so nobody can issue tickets for namespaces.%s", name))
		}
	}
	return errors.Join(faults...)
}

// someoneMay reports whether a caller may make calls of a kind that are about more
// than rooms. What a file of keys says may change.
func (c *Config) someoneMay(s authority.Scope) bool {
	may := func(g authority.Grant) bool {
		return len(g.RoomPrefixes) == 0 && (len(g.Scopes) == 0 || slices.Contains(g.Scopes, s))
	}
	for _, key := range c.GRPC.APIKeys {
		if may(key.Grant) {
			return true
		}
	}
	for _, identity := range c.GRPC.Identities {
		if may(identity.Grant) {
			return true
		}
	}
	return !c.hasCallers() || c.GRPC.APIKeysFile != ""
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
