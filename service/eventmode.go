package service

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/seed52a35d2d/realtime-server/authn"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// EventMode is how clients say who they are where they are connected first, and
// asked then: in an event. Zero values mean the default.
type EventMode struct {
	// Timeout is how long a client may take, from being connected until it is
	// authenticated.
	Timeout time.Duration `yaml:"timeout"`
	// PingInterval is the time between two ping events. Less than zero means that
	// there are none, but for the first.
	PingInterval time.Duration `yaml:"ping_interval"`
	// Rooms are joined by every client that is authenticated.
	Rooms []string `yaml:"rooms"`
	// Events are the names of the events.
	Events EventNames `yaml:"events"`
	// Messages are what a client is told that is turned away.
	Messages EventMessages `yaml:"messages"`
}

// EventNames are the names of the events of mode event.
type EventNames struct {
	// Authenticate is what the client emits.
	Authenticate string `yaml:"authenticate"`
	// Authenticated is the answer to one that is let in, {"id", "time"}.
	Authenticated string `yaml:"authenticated"`
	// Unauthenticated is the answer to one that is turned away, {"message", "time"}.
	Unauthenticated string `yaml:"unauthenticated"`
	// Ping is {"time"}, now and then.
	Ping string `yaml:"ping"`
}

// EventMessages are for people.
type EventMessages struct {
	// Refused is for a client whose credential is no good.
	Refused string `yaml:"refused"`
	// Broken is for one of whom nobody could tell who it is.
	Broken string `yaml:"broken"`
}

// WithDefaults returns m with the defaults in place of zeros.
func (m EventMode) WithDefaults() EventMode {
	m.Timeout = cmp.Or(m.Timeout, 10*time.Second)
	m.PingInterval = cmp.Or(m.PingInterval, 30*time.Second)
	if m.Rooms == nil {
		m.Rooms = []string{"io-default", "io-notification"}
	}
	m.Events.Authenticate = cmp.Or(m.Events.Authenticate, "authenticate")
	m.Events.Authenticated = cmp.Or(m.Events.Authenticated, "authenticated")
	m.Events.Unauthenticated = cmp.Or(m.Events.Unauthenticated, "unauthenticated")
	m.Events.Ping = cmp.Or(m.Events.Ping, "ping")
	m.Messages.Refused = cmp.Or(m.Messages.Refused, "Invalid token to authenticate! Please login again!")
	m.Messages.Broken = cmp.Or(m.Messages.Broken, "Failed to authenticate connection! Please login again!")
	return m
}

// Validate reports every fault of a mode with its defaults, whose clients may be
// in maxRooms rooms each.
func (m EventMode) Validate(maxRooms int) error {
	var faults []error
	if m.Timeout < 0 {
		faults = append(faults, fmt.Errorf("timeout: %v is not a positive time", m.Timeout))
	}
	if len(m.Rooms) > maxRooms {
		faults = append(faults, fmt.Errorf("rooms: more than socketio.max_rooms, %d", maxRooms))
	}
	for i, room := range m.Rooms {
		if err := authn.CheckName(room); err != nil {
			faults = append(faults, fmt.Errorf("rooms[%d]: %w", i, err))
		}
	}
	var seen []string
	for _, e := range []struct{ key, name string }{
		{"authenticate", m.Events.Authenticate},
		{"authenticated", m.Events.Authenticated},
		{"unauthenticated", m.Events.Unauthenticated},
		{"ping", m.Events.Ping},
	} {
		event := sio.Event{Name: e.name}
		if err := event.Validate(); err != nil {
			faults = append(faults, fmt.Errorf("events.%s: %w", e.key, err))
		}
		if slices.Contains(seen, e.name) {
			faults = append(faults, fmt.Errorf("events.%s: %q stands twice", e.key, e.name))
		}
		seen = append(seen, e.name)
	}
	return errors.Join(faults...)
}
