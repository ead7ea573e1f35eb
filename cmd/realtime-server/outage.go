package main

import (
	"errors"
	"fmt"

	"github.com/seed52a35d2d/realtime-server/authn"
	"github.com/seed52a35d2d/realtime-server/authn/chain"
	"github.com/seed52a35d2d/realtime-server/authn/outage"
)

// sheltered puts what the configuration says about outages before an authenticator
// that asks a backend.
func (b *policyMaker) sheltered(name string, n Namespace, asks authn.Authenticator) authn.Authenticator {
	if n.Outage == nil {
		return asks
	}
	shelter := outage.New(outage.Params{
		Authenticator: asks, Config: *n.Outage, Namespace: name, Log: b.log, Metrics: b.outages,
	})
	b.parts.outages = append(b.parts.outages, shelter)
	return shelter
}

// validateOutage is about a namespace that says what happens in an outage.
func (c *Config) validateOutage(n Namespace) error {
	faults := []error{n.Outage.Validate(c.SocketIO.MaxRooms)}
	if !n.asks(chain.Backend) {
		faults = append(faults, errors.New("policy: nobody is asked about the namespace's clients, so nobody can be away"))
	}
	limit, timeout := "socketio.connect_timeout", c.SocketIO.ConnectTimeout
	if n.EventMode != nil {
		limit, timeout = "event_mode.timeout", n.EventMode.Timeout
	}
	if after := n.Outage.CloseAfter; after >= timeout {
		faults = append(faults, fmt.Errorf("close_after: %v is not shorter than %s, %v", after, limit, timeout))
	}
	return errors.Join(faults...)
}
