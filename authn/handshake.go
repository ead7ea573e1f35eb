package authn

import (
	"encoding/json"
	"maps"
	"time"
)

// Handshake is what the server knows of a client that says who it is.
type Handshake struct {
	// Cause is what made it do so.
	Cause Cause
	// ConnectionID is the id that the connection will have.
	ConnectionID string
	// Namespace is where the client wants to go, for example "/".
	Namespace string
	// Recovering is the id of a lost connection that the client wants back and
	// has proved to be its own; "" if there is none.
	Recovering string
	// Payload is what the client sent with the event that is the Cause. It may be
	// forged, as the Claims may.
	Payload []Arg
	// Resident is who the client is already, as the server knows it.
	Resident Resident
	// Claims may be forged.
	Claims Claims
	// Observed may not.
	Observed Observed
}

// Cause is what makes a client say who it is.
type Cause uint8

// The causes.
const (
	// CauseConnect: it connects to a namespace.
	CauseConnect Cause = iota
	// CauseEvent: it is connected, and answers the question in an event.
	CauseEvent
	// CauseRefresh: it is authenticated, and has a newer credential.
	CauseRefresh
)

// Resident is who a client is that is authenticated already; empty for all
// others.
type Resident struct {
	User     string
	Metadata json.RawMessage // nil if there is none
}

// Credentials are the Claims for those who look for a credential in a client's
// Auth: if the Payload begins with an object, its members stand in Auth, in the
// place of those of the same name.
//
// Of a client that refreshes its credential they are what it says now: query and
// headers are those of its handshake, and hold what it wants to renew.
func (h *Handshake) Credentials() Claims {
	claims := h.Claims
	if h.Cause == CauseRefresh {
		claims = Claims{Auth: h.Claims.Auth}
	}
	if len(h.Payload) == 0 || h.Payload[0].Binary != nil {
		return claims
	}
	said, auth := objectOf(h.Payload[0].JSON), objectOf(claims.Auth)
	if len(said) == 0 {
		return claims
	}
	if auth == nil {
		auth = map[string]json.RawMessage{}
	}
	maps.Copy(auth, said)
	claims.Auth, _ = json.Marshal(auth) // was decoded
	return claims
}

// objectOf returns nil for what is no object.
func objectOf(text []byte) map[string]json.RawMessage {
	var object map[string]json.RawMessage
	if json.Unmarshal(text, &object) != nil {
		return nil
	}
	return object
}

// Claims is everything that the client chose itself.
type Claims struct {
	// Auth is the client's `auth` option; "{}" if it sent none.
	Auth json.RawMessage
	// Query is the query of the handshake request; the last of repeated keys.
	Query map[string]string
	// Headers are those that the configuration lets through. Names are in
	// lower case, repeated headers are joined with ", ".
	Headers map[string]string
}

// Observed is what the server saw or verified itself.
type Observed struct {
	// RemoteAddress is the client's IP address.
	RemoteAddress string
	// Secure says whether the handshake came over TLS.
	Secure bool
	// Transport is "polling" or "websocket", as of now.
	Transport string
	// Time is when the handshake arrived.
	Time time.Time
	// URL is the path and query of the handshake.
	URL string
	// CrossOrigin says whether another origin than the server's own asked.
	CrossOrigin bool
}
