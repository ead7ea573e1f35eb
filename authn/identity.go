package authn

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// MaxNameBytes is the longest name that a user, a room or a credential may have.
const MaxNameBytes = 256

// Identity is who a client is and what it starts with.
type Identity struct {
	// User is the id of the user; empty for an anonymous client.
	User string
	// Rooms are joined before the client is told that it is connected.
	Rooms []string
	// Metadata is a JSON object that clients never see; nil if there is none.
	Metadata json.RawMessage
	// ExpiresAt is when the credential ends; zero means never.
	ExpiresAt time.Time
	TokenID   string // names the credential for revocation; "" if it has no name
	// IssuedAt is since when the credential is good: when its token was made, or
	// just before somebody was asked about it. Zero means that nobody knows; it
	// then counts as older than every revocation.
	IssuedAt time.Time
	// Events are the first ones that the client receives, in this order.
	Events []Event
}

// Event is a first event for a client.
type Event struct {
	Name     string
	Args     []Arg
	Volatile bool
	Plain    bool // not to be compressed
	// Expires is when the event is no longer worth delivering; zero means
	// never.
	Expires time.Time
}

// Arg is one argument of an event: JSON, or bytes if Binary is not nil. An
// object {"_placeholder": true, "num": N} in JSON stands for Attachments[N].
type Arg struct {
	JSON        []byte
	Binary      []byte
	Attachments [][]byte
}

// Check reports everything that no authenticator may say: bad names, more than
// maxRooms rooms, a credential that has ended at the time now. The events are
// checked by whoever emits them.
func (i Identity) Check(maxRooms int, now time.Time) error {
	var faults []error
	if i.User != "" {
		if err := CheckName(i.User); err != nil {
			faults = append(faults, fmt.Errorf("user: %w", err))
		}
	}
	if len(i.Rooms) > maxRooms {
		faults = append(faults, fmt.Errorf("%d rooms, more than %d", len(i.Rooms), maxRooms))
	}
	for n, room := range i.Rooms {
		if err := CheckName(room); err != nil {
			faults = append(faults, fmt.Errorf("rooms[%d]: %w", n, err))
		}
	}
	if i.TokenID != "" {
		if err := CheckName(i.TokenID); err != nil {
			faults = append(faults, fmt.Errorf("token id: %w", err))
		}
	}
	if !i.ExpiresAt.IsZero() && !i.ExpiresAt.After(now) {
		faults = append(faults, errors.New("the credential has expired"))
	}
	return errors.Join(faults...)
}

// CheckName reports what makes a name unfit for a user, a room or a credential.
func CheckName(name string) error {
	switch {
	case name == "":
		return errors.New("must not be empty")
	case len(name) > MaxNameBytes:
		return fmt.Errorf("is longer than %d bytes", MaxNameBytes)
	case !utf8.ValidString(name):
		return errors.New("is not valid UTF-8")
	case strings.ContainsRune(name, 0):
		return errors.New("contains a NUL")
	}
	return nil
}
