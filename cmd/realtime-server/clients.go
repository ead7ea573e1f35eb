package main

import (
	"errors"
	"fmt"

	"github.com/seed52a35d2d/realtime-server/service"
)

// When clients are asked who they are.
const (
	// authConnect: while they connect, so that strangers do not get in.
	authConnect = "connect"
	// authEvent: when they are connected, in an event.
	authEvent = "event"
)

// completeClients fills in what a namespace says of its clients. Those who say who
// they are in an event have to do so whenever they connect.
func (c *Config) completeClients(name string, n *Namespace) {
	if n.AuthMode == authEvent {
		c.SocketIO.Recovery.Except = append(c.SocketIO.Recovery.Except, name)
		n.EventMode = filled(n.EventMode, service.EventMode.WithDefaults)
		n.Join = filled(n.Join, service.JoinConfig.WithDefaults)
	}
	if defaults := (service.JoinConfig{}).WithDefaults().Events; n.Join == nil && c.Dev && !n.routesAny(defaults.Join, defaults.Leave) {
		n.Join = &service.JoinConfig{Policy: service.JoinOpen}
	}
	if n.Join != nil {
		n.Join = filled(n.Join, service.JoinConfig.WithDefaults)
	}
}

// filled is a part of the configuration with its defaults, whether or not it was
// given.
func filled[Part any](part *Part, withDefaults func(Part) Part) *Part {
	if part == nil {
		part = new(Part)
	}
	full := withDefaults(*part)
	return &full
}

// validateClients reports what is wrong with what a namespace says of its clients.
func (c *Config) validateClients(n Namespace) error {
	faults := []error{n.validateNames(), c.validateRefresh(n)}
	switch {
	case n.AuthMode != "" && n.AuthMode != authConnect && n.AuthMode != authEvent:
		faults = append(faults, fmt.Errorf("auth_mode: %q is neither %s nor %s", n.AuthMode, authConnect, authEvent))
	case n.EventMode != nil && n.AuthMode != authEvent:
		faults = append(faults, fmt.Errorf("event_mode: needs auth_mode: %s", authEvent))
	case n.EventMode != nil:
		faults = append(faults, within("event_mode", n.EventMode.Validate(c.SocketIO.MaxRooms)))
	}
	if n.Join == nil {
		return errors.Join(faults...)
	}
	faults = append(faults, within("join", n.Join.Validate()))
	if n.Join.Policy == service.JoinOpen && !c.Dev {
		faults = append(faults, fmt.Errorf("join.policy: %s is for development; choose patterns", service.JoinOpen))
	}
	if n.Join.Policy == service.JoinBackend && c.backendOf(n) == nil {
		faults = append(faults, fmt.Errorf("join.policy: %s needs a backend", service.JoinBackend))
	}
	return errors.Join(faults...)
}

// buildClients adds to a policy how clients say who they are, and which rooms they
// may join.
func buildClients(cfg *Config, n Namespace, policy *service.Policy) error {
	policy.EventMode = n.EventMode
	policy.LateComeBack = n.Outage != nil && n.Outage.Closes()
	if n.Join == nil {
		return nil
	}
	join, err := service.NewJoinPolicy(*n.Join, cfg.Bridge.Enabled())
	policy.Join = join
	return err
}
