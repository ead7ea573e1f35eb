// Package revocation remembers which credentials are good no longer, although
// they have not ended by themselves.
//
// A [Revocation] names one credential, or all of a user that were issued before
// a point in time. A [List] keeps revocations until the last of these credentials
// has ended, and tells which credentials they are for. It does no I/O; who tells
// others of a revocation stands elsewhere.
package revocation

import "time"

// Revocation says which credentials are good no longer. One of User and Token
// is set.
type Revocation struct {
	// Namespace is where; "" means everywhere.
	Namespace string
	// User is whose credentials they are.
	User string
	// Token is the name of the only one.
	Token string
	// At is when they were revoked: those of a user that were issued later are
	// good.
	At time.Time
	// Until is when the last of them ends by itself.
	Until time.Time
	// Detail and Reconnect are for the connections that end: why, and whether
	// their clients should come back.
	Detail    string
	Reconnect bool
}

// Credential is what a client was let in by.
type Credential struct {
	Namespace string
	User      string // "" belongs to no user
	Token     string // "" has no name
	// IssuedAt is since when it is good. Zero is before every revocation.
	IssuedAt time.Time
}

// Covers reports whether a revocation is for a credential, whenever it ends.
func (r *Revocation) Covers(c Credential) bool {
	switch {
	case r.Namespace != "" && r.Namespace != c.Namespace:
		return false
	case r.Token != "":
		return r.Token == c.Token
	default:
		return r.User != "" && r.User == c.User && !c.IssuedAt.After(r.At)
	}
}
