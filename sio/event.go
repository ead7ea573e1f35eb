package sio

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/seed52a35d2d/realtime-server/sio/engineio"
	"github.com/seed52a35d2d/realtime-server/sio/parser"
)

// maxEventName is the length of the longest event name, in bytes.
const maxEventName = 256

// Event is an event for clients.
type Event struct {
	Name string
	Args []Arg
	// Volatile events are dropped for clients that cannot take them at once.
	Volatile bool
	// Plain events are not compressed.
	Plain bool
	// Expires is when a copy that still waits is no longer worth sending;
	// zero means never.
	Expires time.Time
	// Tracked asks Delivery to find out what becomes of every copy.
	Tracked bool
}

// FieldError says which part of an Event cannot be sent, and why.
type FieldError struct {
	// Field is "name" or "args[N]".
	Field   string
	Problem string
}

// Error names the field.
func (e *FieldError) Error() string { return e.Field + " " + e.Problem }

// Validate reports the first fault that keeps the event from being sent. The
// error is a *FieldError.
func (e *Event) Validate() error {
	_, err := e.packet("/")
	return err
}

// packet encodes the event for a namespace. The error is a *FieldError.
func (e *Event) packet(namespace string) (*parser.Packet, error) {
	if problem := nameProblem(e.Name); problem != "" {
		return nil, &FieldError{"name", problem}
	}
	p, err := parser.NewEvent(namespace, e.Name, e.Args)
	if bad, ok := errors.AsType[*parser.ArgError](err); ok {
		return nil, &FieldError{fmt.Sprintf("args[%d]", bad.Index), bad.Problem}
	}
	return p, err
}

// options say how the event is delivered.
func (e *Event) options() engineio.Options {
	return engineio.Options{Volatile: e.Volatile, Plain: e.Plain, Expires: e.Expires}
}

func nameProblem(name string) string {
	switch {
	case name == "":
		return "is empty"
	case parser.Reserved(name):
		return "is reserved by the protocol"
	case len(name) > maxEventName:
		return fmt.Sprintf("is longer than %d bytes", maxEventName)
	case !utf8.ValidString(name) || strings.ContainsRune(name, 0):
		return "must be UTF-8 without NUL"
	}
	return ""
}
