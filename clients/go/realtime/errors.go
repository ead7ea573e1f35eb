package realtime

import (
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
)

// errorDomain is the ErrorInfo.domain of realtime-server. A proxy between us
// may send ErrorInfo of its own.
const errorDomain = "realtime-server"

// FieldViolation is one field of a request that breaks a rule.
type FieldViolation struct {
	Field       string // its path, for example "event.name"
	Description string
}

// ReasonOf returns the stable reason of a refused call: a name of the proto
// enum ErrorReason without its prefix, for example "CONNECTION_NOT_FOUND". It
// is empty if err carries none.
func ReasonOf(err error) string {
	for _, detail := range details(err) {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetDomain() == errorDomain {
			return info.GetReason()
		}
	}
	return ""
}

// RetryDelayOf returns how long to wait before a refused call is tried again,
// for example one that was RATE_LIMITED. It is zero if err does not say.
func RetryDelayOf(err error) time.Duration {
	for _, detail := range details(err) {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			return info.GetRetryDelay().AsDuration()
		}
	}
	return 0
}

// LackOf returns what a call that was refused with SCOPE_MISSING lacks: "scope",
// "namespace" or "room", and which one. Both are empty for other errors.
func LackOf(err error) (kind, which string) {
	for _, detail := range details(err) {
		info, ok := detail.(*errdetails.ErrorInfo)
		if !ok || info.GetDomain() != errorDomain || info.GetReason() != "SCOPE_MISSING" {
			continue
		}
		for _, kind := range []string{"scope", "namespace", "room"} {
			if which, said := info.GetMetadata()[kind]; said {
				return kind, which
			}
		}
	}
	return "", ""
}

// FieldViolationsOf returns the fields that made a call INVALID_ARGUMENT.
func FieldViolationsOf(err error) []FieldViolation {
	var violations []FieldViolation
	for _, detail := range details(err) {
		bad, _ := detail.(*errdetails.BadRequest)
		for _, v := range bad.GetFieldViolations() {
			violations = append(violations, FieldViolation{Field: v.GetField(), Description: v.GetDescription()})
		}
	}
	return violations
}

// details are the details of the gRPC status in err's tree.
func details(err error) []any {
	s, _ := status.FromError(err)
	return s.Details()
}
