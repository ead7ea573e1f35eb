package authority

import "slices"

// Scope is a kind of call.
type Scope string

// The scopes.
const (
	// Send is for events to clients.
	Send Scope = "send"
	// Manage is for what changes clients: their rooms, their connections, their
	// credentials.
	Manage Scope = "manage"
	// Read is for questions about clients.
	Read Scope = "read"
	// Attach is for backends that dial out and answer for clients.
	Attach Scope = "attach"
)

// Scopes are all scopes.
func Scopes() []Scope { return []Scope{Send, Manage, Read, Attach} }

func (s Scope) known() bool { return slices.Contains(Scopes(), s) }
