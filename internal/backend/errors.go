package backend

import (
	"fmt"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Error is a call that brought no reply.
type Error struct {
	// Method is the name of the RPC.
	Method string
	// Code is the gRPC code, of the backend or of our side of the call.
	Code codes.Code
	// Message is the text that came with the code. It is for logs: what a
	// backend writes there may not be meant for clients.
	Message string
	// Reason is why the call was not made; empty if it was.
	Reason Reason

	retryAfter time.Duration // as the backend wishes; 0 if it does not say
}

// Reason is why a call never reached the backend. It is a label of the metrics.
type Reason string

// The reasons.
const (
	// ReasonBreakerOpen: the backend has failed too often lately. UNAVAILABLE.
	ReasonBreakerOpen Reason = "breaker open"
	// ReasonQueueFull: too many calls wait. RESOURCE_EXHAUSTED.
	ReasonQueueFull Reason = "queue full"
	// ReasonNoPlace: no place came free in time. DEADLINE_EXCEEDED.
	ReasonNoPlace Reason = "no place"

	// reasonBudget: no attempt may be repeated just now. It never ends a call.
	reasonBudget Reason = "budget"
)

// newError returns nil for nil.
func newError(method string, err error) *Error {
	if err == nil {
		return nil
	}
	s := status.Convert(err)
	e := &Error{Method: method, Code: s.Code(), Message: s.Message()}
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			e.retryAfter = info.GetRetryDelay().AsDuration()
		}
	}
	return e
}

// Error returns the method, the code and the message.
func (e *Error) Error() string {
	return fmt.Sprintf("%s: %v: %s", e.Method, e.Code, e.Message)
}

// Temporary reports whether the same call may succeed later.
func (e *Error) Temporary() bool {
	switch e.Code {
	case codes.Unavailable, codes.DeadlineExceeded, codes.ResourceExhausted, codes.Aborted, codes.Canceled:
		return true
	default:
		return false
	}
}

// repeatable tells a backend that has not done what it was asked for, and says
// so, from one that may have.
func (e *Error) repeatable() bool {
	switch e.Code {
	case codes.Unavailable:
		return true
	case codes.ResourceExhausted:
		return !strings.Contains(e.Message, "larger than max") // gRPC's words for a reply that we do not take
	default:
		return false
	}
}

// faulty tells a backend that does not work from one that says no, and from a
// call that we gave up because the client had left.
func (e *Error) faulty() bool {
	switch e.Code {
	case codes.Unavailable, codes.DeadlineExceeded, codes.ResourceExhausted,
		codes.Internal, codes.Unknown, codes.DataLoss:
		return e.Reason != ReasonBreakerOpen // which has a log line of its own
	case codes.Unimplemented:
		return e.Method == "Authenticate"
	default:
		return false
	}
}

// code is that of the metrics: a call without a failure is OK.
func (e *Error) code() codes.Code {
	if e == nil {
		return codes.OK
	}
	return e.Code
}
