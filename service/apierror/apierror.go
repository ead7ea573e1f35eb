// Package apierror makes the errors of the Realtime API: a gRPC status whose
// code follows from the reason, and google.rpc.ErrorInfo with the reason.
package apierror

import (
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

// Domain is google.rpc.ErrorInfo.domain of every error.
const Domain = "realtime-server"

// codeOf says which status code a reason goes with.
var codeOf = map[realtimev1.ErrorReason]codes.Code{
	realtimev1.ErrorReason_ERROR_REASON_INVALID_REQUEST:      codes.InvalidArgument,
	realtimev1.ErrorReason_ERROR_REASON_NAMESPACE_NOT_FOUND:  codes.NotFound,
	realtimev1.ErrorReason_ERROR_REASON_CONNECTION_NOT_FOUND: codes.NotFound,
	realtimev1.ErrorReason_ERROR_REASON_CREDENTIALS_MISSING:  codes.Unauthenticated,
	realtimev1.ErrorReason_ERROR_REASON_CREDENTIALS_INVALID:  codes.Unauthenticated,
	realtimev1.ErrorReason_ERROR_REASON_DRAINING:             codes.Unavailable,
	realtimev1.ErrorReason_ERROR_REASON_INTERNAL:             codes.Internal,
	realtimev1.ErrorReason_ERROR_REASON_TOO_MANY_ROOMS:       codes.ResourceExhausted,
	realtimev1.ErrorReason_ERROR_REASON_TOO_MANY_ACKS:        codes.ResourceExhausted,
	realtimev1.ErrorReason_ERROR_REASON_CLUSTER_UNAVAILABLE:  codes.Unavailable,
	realtimev1.ErrorReason_ERROR_REASON_SCOPE_MISSING:        codes.PermissionDenied,
	realtimev1.ErrorReason_ERROR_REASON_RATE_LIMITED:         codes.ResourceExhausted,
	realtimev1.ErrorReason_ERROR_REASON_TICKETS_NOT_TAKEN:    codes.FailedPrecondition,
	realtimev1.ErrorReason_ERROR_REASON_TOO_MANY_TICKETS:     codes.ResourceExhausted,

	realtimev1.ErrorReason_ERROR_REASON_TOO_MANY_REVOCATIONS: codes.ResourceExhausted,
	realtimev1.ErrorReason_ERROR_REASON_GROUP_NOT_FOUND:      codes.NotFound,
	realtimev1.ErrorReason_ERROR_REASON_ATTACH_VIOLATION:     codes.InvalidArgument,
	realtimev1.ErrorReason_ERROR_REASON_TOO_MANY_WORKERS:     codes.ResourceExhausted,
}

// New returns the status error for a reason, with further details if there are
// any.
func New(reason realtimev1.ErrorReason, message string, details ...protoadapt.MessageV1) error {
	return Explained(reason, message, nil, details...)
}

// Explained is New with words for programs about this one error.
func Explained(reason realtimev1.ErrorReason, message string, metadata map[string]string, details ...protoadapt.MessageV1) error {
	info := &errdetails.ErrorInfo{
		Reason:   strings.TrimPrefix(reason.String(), "ERROR_REASON_"),
		Domain:   Domain,
		Metadata: metadata,
	}
	s, err := status.New(codeOf[reason], message).WithDetails(append([]protoadapt.MessageV1{info}, details...)...)
	if err != nil { // a reason without a code, or a detail that is no message
		return status.Error(codes.Internal, err.Error())
	}
	return s.Err()
}

// ReasonOf returns the reason of a status that New or Explained has made, as
// ErrorInfo has it; empty if it is another.
func ReasonOf(s *status.Status) string {
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetDomain() == Domain {
			return info.GetReason()
		}
	}
	return ""
}
