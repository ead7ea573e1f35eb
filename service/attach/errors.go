package attach

import (
	"fmt"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/service/apierror"
)

// What a worker is told at the end of its stream.
var (
	errGroupNotFound = apierror.New(realtimev1.ErrorReason_ERROR_REASON_GROUP_NOT_FOUND,
		"the server's configuration names no such group")
	errTooManyWorkers = apierror.New(realtimev1.ErrorReason_ERROR_REASON_TOO_MANY_WORKERS,
		fmt.Sprintf("the group has %d workers on this server", maxWorkers),
		&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Second)})
	errDraining = apierror.New(realtimev1.ErrorReason_ERROR_REASON_DRAINING, "the server is shutting down; attach elsewhere")

	errNoHello      = violation("no message has come")
	errNotHello     = violation("the first message is not hello")
	errSecondHello  = violation("hello has come twice")
	errCredits      = violation(fmt.Sprintf("credits are not 0 to %d", maxCredits))
	errTooMuch      = violation("it has said too much that it was not asked for, such as results of unknown calls")
	errSilentWorker = violation("it has answered no ping for too long")
)

func violation(what string) error {
	return apierror.New(realtimev1.ErrorReason_ERROR_REASON_ATTACH_VIOLATION, what)
}

func invalidHello(violations []*errdetails.BadRequest_FieldViolation) error {
	first := violations[0]
	return apierror.New(realtimev1.ErrorReason_ERROR_REASON_INVALID_REQUEST,
		first.GetField()+" "+first.GetDescription(), &errdetails.BadRequest{FieldViolations: violations})
}

// What the caller of a backend is told.
var (
	errNoWorker   = status.Error(codes.Unavailable, "no worker of the group is attached that takes the call")
	errVanished   = status.Error(codes.Unavailable, "the worker has vanished")
	errPoison     = status.Error(codes.Aborted, "all workers that had the call have vanished") // nobody repeats that
	errLineFull   = status.Error(codes.ResourceExhausted, "too many calls wait for a worker")
	errUnserved   = status.Error(codes.FailedPrecondition, "no worker of the group takes this event")
	errEmpty      = status.Error(codes.Internal, "the worker's result is empty, or is one of another method")
	errStreams    = status.Error(codes.Unimplemented, "workers answer calls, not streams")
	errNotMessage = status.Error(codes.Internal, "not a call of RealtimeBackend")
)
