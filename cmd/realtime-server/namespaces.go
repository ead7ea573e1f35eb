package main

import (
	"errors"
	"fmt"

	"github.com/seed52a35d2d/realtime-server/authn/anonymous"
	"github.com/seed52a35d2d/realtime-server/authn/chain"
	"github.com/seed52a35d2d/realtime-server/authn/jwt"
	"github.com/seed52a35d2d/realtime-server/authn/outage"
	"github.com/seed52a35d2d/realtime-server/authn/ticket"
	"github.com/seed52a35d2d/realtime-server/internal/backend"
	"github.com/seed52a35d2d/realtime-server/service"
)

// Namespace says who decides about the clients of a namespace.
type Namespace struct {
	// Backend replaces the common backend for this namespace.
	Backend *backend.Config `yaml:"backend"`
	// JWT lets in whoever has a token that is believed, without asking a backend.
	JWT *jwt.Config `yaml:"jwt"`
	// Anonymous lets everybody in without asking a backend.
	Anonymous bool `yaml:"anonymous"`
	// Rooms are where anonymous clients start.
	Rooms []string `yaml:"rooms"`
	// Routes say which backend answers which event; without any, it is the
	// namespace's.
	Routes []Route `yaml:"routes"`
	// Outage says what becomes of newcomers while the backend is away.
	Outage *outage.Config `yaml:"outage"`
	// Chain names those who decide, in their order: jwt, ticket, backend,
	// anonymous. Empty means that one of the keys above does.
	Chain []string `yaml:"chain"`
	// Ticket says where clients put the tickets that Chain takes.
	Ticket *ticket.Config `yaml:"ticket"`
	// Expiry and Refresh are about credentials that end.
	Expiry  service.Expiry  `yaml:"expiry"`
	Refresh service.Refresh `yaml:"refresh"`
	// AuthMode says when clients are asked who they are: connect or event.
	AuthMode string `yaml:"auth_mode"`
	// EventMode is for those who are asked in an event.
	EventMode *service.EventMode `yaml:"event_mode"`
	// Join says which rooms clients may join by themselves.
	Join *service.JoinConfig `yaml:"join"`
}

// completeNamespaces fills in what follows from the rest.
func (c *Config) completeNamespaces() {
	for name, n := range c.Namespaces {
		if n.Backend != nil {
			n.Backend = inherit(*n.Backend, c.Backend)
		}
		if n.JWT != nil {
			n.JWT = filled(n.JWT, jwt.Config.WithDefaults)
		}
		if n.Outage != nil {
			n.Outage = filled(n.Outage, outage.Config.WithDefaults)
		}
		n.completeTicket()
		if c.Dev && c.backendOf(n) == nil && n.JWT == nil && len(n.Chain) == 0 {
			n.Anonymous = true
			if len(n.Rooms) == 0 {
				n.Rooms = []string{"news"}
			}
		}
		c.completeClients(name, &n)
		c.Namespaces[name] = n
	}
}

func (c *Config) validateNamespaces() error {
	var faults []error
	for _, name := range c.SocketIO.Namespaces {
		faults = append(faults, c.validateNamespace("namespaces."+name, c.Namespaces[name]))
	}
	return errors.Join(faults...)
}

func (c *Config) validateNamespace(key string, n Namespace) error {
	var faults []error
	if n.Backend != nil {
		faults = append(faults, within(key+".backend", n.Backend.Validate()))
	}
	faults = append(faults, c.validateRooms(key, n))
	if n.Anonymous && n.Backend != nil {
		faults = append(faults, fmt.Errorf("%s: is anonymous and has a backend; choose one", key))
	}
	faults = append(faults, within(key+".expiry", n.Expiry.Validate()), within(key+".refresh", n.Refresh.Validate()))
	if n.JWT != nil {
		faults = append(faults, within(key+".jwt", c.validateJWT(n)))
	}
	faults = append(faults, within(key, c.validateRoutes(n)))
	if n.Outage != nil {
		faults = append(faults, within(key+".outage", c.validateOutage(n)))
	}
	faults = append(faults, within(key, c.validateChain(n)), within(key, c.validateClients(n)))
	if !n.Anonymous && n.JWT == nil && c.backendOf(n) == nil && len(n.Chain) == 0 {
		faults = append(faults, fmt.Errorf("%s: nobody authenticates its clients: set backend.target, backend.attach, jwt or chain, or anonymous: true to let everybody in", key))
	}
	return errors.Join(faults...)
}

// validateRooms is about the rooms where anonymous clients start.
func (c *Config) validateRooms(key string, n Namespace) error {
	_, err := anonymous.New(n.Rooms...)
	faults := []error{within(key, err)}
	if len(n.Rooms) > c.SocketIO.MaxRooms {
		faults = append(faults, fmt.Errorf("%s.rooms: more than socketio.max_rooms, %d", key, c.SocketIO.MaxRooms))
	}
	if len(n.Rooms) > 0 && !n.Anonymous && !n.asks(chain.Anonymous) {
		faults = append(faults, fmt.Errorf("%s.rooms: only anonymous clients start in rooms of the configuration", key))
	}
	return errors.Join(faults...)
}

func (c *Config) validateJWT(n Namespace) error {
	faults := []error{n.JWT.Validate(), c.validatePlace("token.", n.JWT.Token)}
	if n.Anonymous {
		faults = append(faults, errors.New("keys: the namespace is anonymous; choose one"))
	}
	return errors.Join(faults...)
}
