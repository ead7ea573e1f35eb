package backend

import (
	"fmt"

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
}

// newError returns nil for nil.
func newError(method string, err error) *Error {
	if err == nil {
		return nil
	}
	s := status.Convert(err)
	return &Error{Method: method, Code: s.Code(), Message: s.Message()}
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

// faulty tells a backend that does not work from one that says no, and from a
// call that we gave up because the client had left.
func (e *Error) faulty() bool {
	switch e.Code {
	case codes.Unavailable, codes.DeadlineExceeded, codes.ResourceExhausted,
		codes.Internal, codes.Unknown, codes.DataLoss:
		return true
	case codes.Unimplemented:
		return e.Method == "Authenticate"
	default:
		return false
	}
}

func (e *Error) code() codes.Code {
	if e == nil {
		return codes.OK
	}
	return e.Code
}
