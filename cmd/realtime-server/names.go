package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/seed52a35d2d/realtime-server/authn/chain"
)

// eventName is the name of an event, and the key of the configuration that gives it.
type eventName struct{ key, event string }

// findEvent finds an event that has a name.
func findEvent(names []eventName, event string) (eventName, bool) {
	i := slices.IndexFunc(names, func(n eventName) bool { return event != "" && n.event == event })
	if i < 0 {
		return eventName{}, false
	}
	return names[i], true
}

// heard are the events of clients that the server itself answers. What the parts
// of a namespace say of them is apart: within a part, they have been compared.
func (n *Namespace) heard() (parts [][]eventName) {
	if n.EventMode != nil {
		parts = append(parts, []eventName{{"event_mode.events.authenticate", n.EventMode.Events.Authenticate}})
	}
	if n.Join != nil {
		parts = append(parts, []eventName{{"join.events.join", n.Join.Events.Join}, {"join.events.leave", n.Join.Events.Leave}})
	}
	if n.Refresh.Event != "" {
		parts = append(parts, []eventName{{"refresh.event", n.Refresh.Event}})
	}
	return parts
}

// validateNames reports events that would mean two things, and routes of events
// that never come to them.
func (n *Namespace) validateNames() error {
	var faults []error
	var ours []eventName
	for _, part := range n.heard() {
		for _, e := range part {
			if other, taken := findEvent(ours, e.event); taken {
				faults = append(faults, fmt.Errorf("%s: %q is %s", e.key, e.event, other.key))
			}
		}
		ours = append(ours, part...)
	}
	for i, r := range n.Routes {
		for k, event := range r.Events {
			if answered, taken := findEvent(ours, event); taken {
				faults = append(faults, fmt.Errorf("routes[%d].events[%d]: %q is %s, which the server answers", i, k, event, answered.key))
			}
		}
	}
	if n.EventMode == nil {
		return errors.Join(faults...)
	}
	told := n.EventMode.Events
	if other, taken := findEvent([]eventName{
		{"event_mode.events.authenticated", told.Authenticated},
		{"event_mode.events.unauthenticated", told.Unauthenticated},
		{"event_mode.events.ping", told.Ping},
	}, n.Expiry.Event); taken {
		faults = append(faults, fmt.Errorf("expiry.event: %q is %s", n.Expiry.Event, other.key))
	}
	return errors.Join(faults...)
}

// routesAny reports whether a route names one of these events.
func (n *Namespace) routesAny(events ...string) bool {
	return slices.ContainsFunc(n.Routes, func(r Route) bool {
		return slices.ContainsFunc(r.Events, func(e string) bool { return slices.Contains(events, e) })
	})
}

// validateRefresh reports a refresh that nobody could make: an event has no header,
// no cookie and no query.
func (c *Config) validateRefresh(n Namespace) error {
	if n.Refresh.Event == "" || c.Dev && n.Anonymous { // for want of a backend
		return nil
	}
	for _, kind := range n.kinds() {
		switch {
		case kind == chain.Backend,
			kind == chain.JWT && n.JWT != nil && n.JWT.Token.Auth != "",
			kind == chain.Ticket && n.Ticket != nil && n.Ticket.Auth != "":
			return nil
		}
	}
	return errors.New("refresh.event: no credential can be in an event; it needs jwt.token.auth, ticket.auth or a backend")
}
