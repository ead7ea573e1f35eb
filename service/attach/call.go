package attach

import (
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

// call is one call of RealtimeBackend. It is in line, with a worker, with
// another node, or over.
type call struct {
	// Immutable.
	on         subject
	repeatable bool
	deadline   time.Time
	size       int
	// foreign says that another node has sent it. It goes to a worker of this one,
	// or back.
	foreign bool

	// Of the group, under its lock.
	ask      *realtimev1.AttachCall // without id and timeout
	worker   *worker                // whose it is
	node     *node                  // likewise
	id       uint64                 // what its worker, or its node, calls it
	waiting  bool                   // it is in line
	attempts int                    // how often it was begun, or may have been

	// moved holds one signal when node has changed. Who makes the call then sends
	// it there.
	moved chan struct{}
	// over gets what became of the call, once.
	over chan outcome
}

// outcome is what became of a call.
type outcome struct {
	// result is what the worker said; nil if there is none.
	result *realtimev1.AttachResult
	// err is why there is none, as the caller of a backend knows it.
	err error
	// begun says of a call without a result that a worker may have begun it.
	begun bool
}

func newCall(ask *realtimev1.AttachCall, deadline time.Time, repeatable, foreign bool) *call {
	return &call{
		on: subjectOf(ask), repeatable: repeatable, deadline: deadline, size: proto.Size(ask), foreign: foreign,
		ask: ask, attempts: 1, moved: make(chan struct{}, 1), over: make(chan outcome, 1),
	}
}

// message is the call as its worker, or node, gets it.
func (c *call) message() *realtimev1.AttachCall {
	return &realtimev1.AttachCall{
		Id: c.id, Timeout: durationpb.New(max(0, time.Until(c.deadline))),
		Metadata: c.ask.GetMetadata(), Request: c.ask.GetRequest(),
	}
}

// end says what became of the call. The lock of the group is held.
func (c *call) end(o outcome) {
	c.worker, c.node, c.waiting = nil, nil, false
	select {
	case c.over <- o:
	default: // it was over
	}
}

// mayBegin reports whether it may be begun by another worker.
func (c *call) mayBegin(begun bool) bool {
	return !begun || c.repeatable && c.attempts < maxAttempts
}

// beginAgain makes it another attempt. The old message may still be on its way.
func (c *call) beginAgain() {
	c.attempts++
	c.ask = proto.CloneOf(c.ask)
	if on := contextOf(c.ask); on != nil {
		on.Attempt++
	}
}

// errorOf is what a worker has answered as an error, nil if it has not.
func errorOf(result *realtimev1.AttachResult) error {
	failed := result.GetError()
	if failed == nil {
		return nil
	}
	code := codes.Code(failed.GetCode()) //nolint:gosec // what is no code is looked at next
	if code == codes.OK || code > codes.Unauthenticated {
		code = codes.Unknown
	}
	return status.Error(code, failed.GetMessage())
}
