package redisbus

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
)

// What callers may want to tell apart, with [errors.Is].
var (
	// ErrUnavailable means that Redis did not do it, or did not say so in
	// time. Whether the message has arrived is not known.
	ErrUnavailable = errors.New("redis is unavailable")
	// ErrOverloaded means that too many bytes wait for Redis already. The
	// message was not sent.
	ErrOverloaded = errors.New("too much waits for redis")
	// ErrClosed means that the bus, or the subscription, has ended.
	ErrClosed = errors.New("closed")
)

// Cause says why something did not work. It labels the metric of errors.
type Cause string

// The causes.
const (
	// CauseTimeout: no answer in time.
	CauseTimeout Cause = "timeout"
	// CauseConnect: there is no connection, and no way to one.
	CauseConnect Cause = "connect"
	// CauseConnection: the connection ended before the answer came.
	CauseConnection Cause = "connection"
	// CauseAuth: Redis does not accept who we say we are.
	CauseAuth Cause = "auth"
	// CauseDenied: the ACL user may not do this.
	CauseDenied Cause = "denied"
	// CauseReplica: the server that should be the master is a replica.
	CauseReplica Cause = "replica"
	// CauseMoved: another server of the Cluster is responsible.
	CauseMoved Cause = "moved"
	// CauseRefused: Redis answered with another error, such as LOADING or
	// CLUSTERDOWN.
	CauseRefused Cause = "refused"
	// CauseUnheard: what was published did not come back.
	CauseUnheard Cause = "unheard"
	// CauseProtocol: Redis said something that makes no sense.
	CauseProtocol Cause = "protocol"
	// CauseOverloaded: the queue is full.
	CauseOverloaded Cause = "overloaded"
	// CauseTooLarge: a message is larger than what is taken.
	CauseTooLarge Cause = "too large"
	// CauseClosed: the bus was closed.
	CauseClosed Cause = "closed"
)

// causes are all of them, so that each is counted from 0 on.
var causes = []Cause{
	CauseTimeout, CauseConnect, CauseConnection, CauseAuth, CauseDenied, CauseReplica, CauseMoved,
	CauseRefused, CauseUnheard, CauseProtocol, CauseOverloaded, CauseTooLarge, CauseClosed,
}

// Error is what the bus could not do. It is [ErrUnavailable], [ErrOverloaded]
// or [ErrClosed].
type Error struct {
	// Op is what was to be done, such as "publish".
	Op string
	// Cause is why it was not.
	Cause Cause
	// Err has the details, for logs. It holds no payload. It may be nil.
	Err error
}

// Error returns the operation, the cause and the details.
func (e *Error) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("redis: %s: %s", e.Op, e.Cause)
	}
	return fmt.Sprintf("redis: %s: %s: %v", e.Op, e.Cause, e.Err)
}

// Unwrap returns the details.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is the class of e.
func (e *Error) Is(target error) bool {
	switch e.Cause {
	case CauseOverloaded, CauseTooLarge:
		return target == ErrOverloaded
	case CauseClosed:
		return target == ErrClosed
	default:
		return target == ErrUnavailable
	}
}

// replyError is an error that Redis answered with, for example "NOPERM this
// user has no permissions".
type replyError string

func (e replyError) Error() string { return string(e) }

// word is the first one of the answer, which tells errors apart.
func (e replyError) word() string {
	word, _, _ := strings.Cut(string(e), " ")
	return word
}

var (
	errProtocol = errors.New("unexpected answer")
	errReplica  = errors.New("the server is a replica")
	errMoved    = errors.New("another server is responsible")
	errUnheard  = errors.New("what was published did not come back")
)

// because finds the cause of an error of a connection.
func because(err error, otherwise Cause) Cause {
	var answer replyError
	switch {
	case errors.As(err, &answer):
		return answer.cause()
	case errors.Is(err, errReplica):
		return CauseReplica
	case errors.Is(err, errMoved):
		return CauseMoved
	case errors.Is(err, errUnheard):
		return CauseUnheard
	case errors.Is(err, errProtocol):
		return CauseProtocol
	case isTimeout(err):
		return CauseTimeout
	default:
		return otherwise
	}
}

func (e replyError) cause() Cause {
	switch e.word() {
	case "NOAUTH", "WRONGPASS":
		return CauseAuth
	case "NOPERM":
		return CauseDenied
	case "MOVED", "ASK":
		return CauseMoved
	case "READONLY":
		return CauseReplica
	}
	// What servers before version 6 say.
	if strings.Contains(string(e), "invalid password") || strings.Contains(string(e), "AUTH") {
		return CauseAuth
	}
	return CauseRefused
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.As(err, &timeout) && timeout.Timeout()
}

// failure makes an *Error of what happened to a connection.
func failure(op string, err error, otherwise Cause) *Error {
	if done, ok := errors.AsType[*Error](err); ok {
		return &Error{op, done.Cause, done.Err}
	}
	return &Error{op, because(err, otherwise), err}
}
