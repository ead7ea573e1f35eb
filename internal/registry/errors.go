package registry

import (
	"errors"
	"fmt"
)

var (
	// ErrUnavailable means that Redis did not answer, or refused.
	ErrUnavailable = errors.New("redis is unavailable")
	// ErrOver means that the generation of this node is over.
	ErrOver = errors.New("generation is over")
	// ErrClosed means that the registry has ended.
	ErrClosed = errors.New("registry is closed")
)

// unavailable wraps what the client said about an operation.
func unavailable(operation string, err error) error {
	return fmt.Errorf("registry: %s: %w: %w", operation, ErrUnavailable, err)
}

// Reason says why a generation of this node is over.
type Reason uint8

const (
	// Forgotten means that Redis lost the registry, or the part that had this node. Nobody
	// was told of its connections.
	Forgotten Reason = iota + 1
	// Claimed means that the lease had ended, and another node tells, or has told, that the
	// connections of this generation are gone.
	Claimed
	// Superseded means that another process joined with the same node id. The connections
	// are told of as above.
	Superseded
)

// reasons is how the scripts call them, and so do metrics and logs.
var reasons = map[string]Reason{"forgotten": Forgotten, "claimed": Claimed, "superseded": Superseded}

// String is the name in metrics and logs.
func (r Reason) String() string {
	for name, reason := range reasons {
		if reason == r {
			return name
		}
	}
	return "unknown"
}
