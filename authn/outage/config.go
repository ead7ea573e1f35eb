package outage

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/seed52a35d2d/realtime-server/authn"
)

// Config says what becomes of newcomers, and who may share.
type Config struct {
	// Policy is for newcomers during an outage. Default [Refuse].
	Policy Policy `yaml:"policy"`
	// Otherwise is for those of whom nothing is remembered under [Stale]: Refuse,
	// Close or Anonymous. Default Refuse.
	Otherwise Policy `yaml:"otherwise"`
	// CloseAfter is how long a client is held at most before its connection is
	// closed, and at least half of it. Default 4s.
	CloseAfter time.Duration `yaml:"close_after"`
	// StaleTTL is how old a remembered decision may be. Default 10m.
	StaleTTL time.Duration `yaml:"stale_ttl"`
	// MaxEntries is how many decisions are remembered. Default 100,000.
	MaxEntries int `yaml:"max_entries"`
	// MaxBytes is the memory that they may take. Default 64 MiB.
	MaxBytes int `yaml:"max_bytes"`
	// AnonymousTTL is how long a client that was let in without a user stays at
	// most, and at least half of it. Default 5m.
	AnonymousTTL time.Duration `yaml:"anonymous_ttl"`
	// Rooms are where such clients start. Default none.
	Rooms []string `yaml:"rooms"`
	// Coalesce lets clients that are alike, and ask at the same time, share one
	// question. Default false.
	Coalesce bool `yaml:"coalesce"`
	// AnyAddress lets clients with different addresses be alike. Default false.
	AnyAddress bool `yaml:"any_address"`
}

// WithDefaults returns c with defaults in the place of zeros.
func (c Config) WithDefaults() Config {
	c.Policy = cmp.Or(c.Policy, Refuse)
	c.Otherwise = cmp.Or(c.Otherwise, Refuse)
	c.CloseAfter = cmp.Or(c.CloseAfter, 4*time.Second)
	c.StaleTTL = cmp.Or(c.StaleTTL, 10*time.Minute)
	c.MaxEntries = cmp.Or(c.MaxEntries, 100_000)
	c.MaxBytes = cmp.Or(c.MaxBytes, 64<<20)
	c.AnonymousTTL = cmp.Or(c.AnonymousTTL, 5*time.Minute)
	return c
}

// Closes reports whether those who are kept out have their connections closed.
func (c Config) Closes() bool { return c.Policy == Close || c.Otherwise == Close }

// Validate reports everything that is wrong with c. maxRooms is how many rooms a
// client may be in.
func (c Config) Validate(maxRooms int) error {
	var faults []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	fault(outcomes[c.Policy] == "", "policy: %q is none of refuse, close, stale and anonymous", c.Policy)
	fault(outcomes[c.Otherwise] == "" || c.Otherwise == Stale, "otherwise: %q is none of refuse, close and anonymous", c.Otherwise)
	fault(c.Otherwise != Refuse && c.Policy != Stale, "otherwise: is for the policy stale")
	fault(c.CloseAfter <= 0, "close_after: %v is not positive", c.CloseAfter)
	fault(c.StaleTTL <= 0, "stale_ttl: %v is not positive", c.StaleTTL)
	fault(c.MaxEntries <= 0, "max_entries: %d is not positive", c.MaxEntries)
	fault(c.MaxBytes <= 0, "max_bytes: %d is not positive", c.MaxBytes)
	fault(c.AnonymousTTL <= 0, "anonymous_ttl: %v is not positive", c.AnonymousTTL)
	fault(len(c.Rooms) > 0 && c.Policy != Anonymous && c.Otherwise != Anonymous, "rooms: only anonymous clients start there")
	fault(len(c.Rooms) > maxRooms, "rooms: %d are more than %d", len(c.Rooms), maxRooms)
	for i, room := range c.Rooms {
		if err := authn.CheckName(room); err != nil {
			faults = append(faults, fmt.Errorf("rooms[%d]: %w", i, err))
		}
	}
	return errors.Join(faults...)
}
