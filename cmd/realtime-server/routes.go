package main

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/seed52a35d2d/realtime-server/internal/backend"
	"github.com/seed52a35d2d/realtime-server/service"
)

// Route says what becomes of the client events of a namespace that it matches.
// The first one that matches counts.
type Route struct {
	// Name is the route's label in metrics. Empty means its events.
	Name string `yaml:"name"`
	// Events are names and patterns of names.
	Events []string `yaml:"events"`
	// Backend is the name of one of the Config.Backends. Empty means the
	// namespace's.
	Backend string `yaml:"backend"`
	// AckRequired drops events whose client asks for no acknowledgement.
	AckRequired bool `yaml:"ack_required"`
	// Timeout is the deadline of a call. Zero means the backend's.
	Timeout time.Duration `yaml:"timeout"`
	// MaxInFlight is how many of these events are handled at once. Zero means as
	// many as the backend may have calls.
	MaxInFlight int `yaml:"max_in_flight"`
	// Retry lets the backend be given an event again if it was away.
	Retry bool `yaml:"retry"`
	// Once is for how long an event that a client repeats is answered as
	// before. Zero means that it is an event as any other.
	Once time.Duration `yaml:"once"`
	// OnceKey names what makes two events the same. Empty means all arguments.
	OnceKey string `yaml:"once_key"`
}

// rule is the route in the words of package service. Its backend has a timeout
// of its own.
func (r Route) rule(to service.Backend, timeout time.Duration) service.Rule {
	return service.Rule{
		Name: r.Name, Events: r.Events, Backend: to, AckRequired: r.AckRequired,
		Timeout: cmp.Or(r.Timeout, timeout), MaxInFlight: r.MaxInFlight,
		Once: service.Once{Window: r.Once, Key: r.OnceKey},
	}
}

// validateRoutes checks what the rules of a namespace say.
func (c *Config) validateRoutes(n Namespace) error {
	var rules []service.Rule
	var faults []error
	for i, r := range n.Routes {
		to := c.backendOfRoute(n, r)
		rules = append(rules, r.rule(nil, time.Second)) // the fault of a backend that is not there is told below
		switch {
		case to == nil && r.Backend != "":
			faults = append(faults, fmt.Errorf("routes[%d].backend: there is no %q among backends", i, r.Backend))
		case to == nil:
			faults = append(faults, fmt.Errorf("routes[%d].backend: the namespace has no backend; name one of backends", i))
		case r.Timeout > to.Timeout:
			faults = append(faults, fmt.Errorf("routes[%d].timeout: %v is longer than that of the backend, %v", i, r.Timeout, to.Timeout))
		}
	}
	_, err := service.NewRoutes(rules)
	return errors.Join(append(faults, err)...)
}

// backendOfRoute is nil if there is none.
func (c *Config) backendOfRoute(n Namespace, r Route) *backend.Config {
	if r.Backend == "" {
		return c.backendOf(n)
	}
	return c.Backends[r.Backend]
}

// routes are those of a namespace, whose own backend is own; nil if the
// configuration has none, for then own answers everything.
func (b *backends) routes(cfg *Config, n Namespace, own *backend.Client) (*service.Routes, error) {
	if n.Routes == nil {
		return nil, nil
	}
	var rules []service.Rule
	for _, r := range n.Routes {
		to := own
		if r.Backend != "" {
			client, err := b.client(r.Backend, cfg.Backends[r.Backend])
			if err != nil {
				return nil, err
			}
			to = client
		}
		if r.Retry {
			to = to.RepeatingEvents()
		}
		rules = append(rules, r.rule(to, cfg.backendOfRoute(n, r).Timeout))
	}
	return service.NewRoutes(rules)
}
