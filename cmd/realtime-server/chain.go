package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/seed52a35d2d/realtime-server/authn/place"
)

// validatePlace reports a place for credentials that the server does not keep
// of a handshake, or that foreign pages could borrow. The keys begin with
// prefix.
func (c *Config) validatePlace(prefix string, p place.Place) error {
	var faults []error
	for _, name := range p.Headers() {
		if !slices.Contains(c.API.Headers, name) {
			key := "header"
			if name != p.Header {
				key = "cookie"
			}
			faults = append(faults, fmt.Errorf("%s%s: %q is not among api.headers", prefix, key, name))
		}
	}
	if p.Cookie != "" && len(c.SocketIO.Engine.CORS.Origins) == 0 {
		faults = append(faults, errors.New(prefix+"cookie: needs socketio.cors.origins, or every page could connect with its reader's cookie"))
	}
	return errors.Join(faults...)
}
