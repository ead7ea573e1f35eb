package outage

import (
	"errors"

	"github.com/seed52a35d2d/realtime-server/authn"
)

// refused tells an answer from a breakdown.
func refused(err error) bool {
	refusal, ok := errors.AsType[*authn.Refusal](err)
	return ok && !refusal.Temporary
}

// temporary is an error that knows whether the same call may succeed later.
type temporary interface {
	error
	Temporary() bool
}

// isOutage tells a breakdown in which nobody answered from one in which somebody
// said something that cannot be understood. A backend that means to refuse, and
// says so with an error, must not let a client in.
func isOutage(err error) bool {
	cause, ok := errors.AsType[temporary](err)
	return ok && cause.Temporary()
}
