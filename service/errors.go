package service

import (
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/types/known/durationpb"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/service/apierror"
)

// The errors that the API answers, but for invalidRequest.
var (
	errNamespaceNotFound = apierror.New(realtimev1.ErrorReason_ERROR_REASON_NAMESPACE_NOT_FOUND,
		"the server has no such namespace")
	errConnectionNotFound = apierror.New(realtimev1.ErrorReason_ERROR_REASON_CONNECTION_NOT_FOUND,
		"no connection has this id")
	errDraining = apierror.New(realtimev1.ErrorReason_ERROR_REASON_DRAINING,
		"the server is shutting down")
	errTooManyRooms = apierror.New(realtimev1.ErrorReason_ERROR_REASON_TOO_MANY_ROOMS,
		"every connection of the target would be in more rooms than the server allows")
	errTooManyAcks = apierror.New(realtimev1.ErrorReason_ERROR_REASON_TOO_MANY_ACKS,
		"the server waits for as many acknowledgements as it may",
		&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Second)})
	errTooManyRevocations = apierror.New(realtimev1.ErrorReason_ERROR_REASON_TOO_MANY_REVOCATIONS,
		"the server remembers as many revocations as it may",
		&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Minute)})
	errClusterUnavailable = apierror.New(realtimev1.ErrorReason_ERROR_REASON_CLUSTER_UNAVAILABLE,
		"other nodes cannot be reached; connections of this node were dealt with",
		&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Second)})
)

func invalidRequest(violations []*errdetails.BadRequest_FieldViolation) error {
	first := violations[0]
	return apierror.New(realtimev1.ErrorReason_ERROR_REASON_INVALID_REQUEST,
		first.GetField()+" "+first.GetDescription(),
		&errdetails.BadRequest{FieldViolations: violations})
}
