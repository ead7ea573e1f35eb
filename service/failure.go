package service

import (
	"cmp"
	"errors"

	"google.golang.org/grpc/codes"

	"github.com/seed52a35d2d/realtime-server/authn/callback"
	"github.com/seed52a35d2d/realtime-server/internal/backend"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// Codes of the error that acknowledges an event which nobody answered.
const (
	codeNoBackend          = "NO_BACKEND"
	codeBackendUnavailable = callback.CodeUnavailable
	codeBackendTimeout     = "BACKEND_TIMEOUT"
	codeBackendError       = "BACKEND_ERROR"
	codeInvalidReply       = callback.CodeInvalidReply
	codeInvalidPayload     = "INVALID_PAYLOAD"
	codeTooManyRooms       = "TOO_MANY_ROOMS"
	codeNoRoute            = "NO_ROUTE"
	codeRouteBusy          = "ROUTE_BUSY"
	codeAckRequired        = "ACK_REQUIRED"
	codeRefreshOtherUser   = "REFRESH_OTHER_USER"
	codeRefreshTooOften    = "REFRESH_TOO_OFTEN"
	codeRevoked            = "CREDENTIAL_REVOKED"
	codeInternal           = "INTERNAL"
	codeUnauthenticated    = "UNAUTHENTICATED"
	codeAuthenticated      = "ALREADY_AUTHENTICATED"
)

// failure is why nothing came of an event, or of another call for a client. It
// is in the words that the client is told.
type failure struct {
	Code      string `json:"code"`
	Reason    string `json:"reason"`
	Temporary bool   `json:"temporary"`

	cause error  // for our log; nil if the client caused it
	label string // of the metrics; the code if it is ""
}

// ack is the one argument that tells the client.
func (f *failure) ack() sio.Arg {
	return jsonOf(map[string]*failure{"error": f})
}

// outcome is the label of the metrics.
func (f *failure) outcome() string {
	if f == nil {
		return "OK"
	}
	return cmp.Or(f.label, f.Code)
}

func invalidPayload(reason string) *failure {
	return &failure{Code: codeInvalidPayload, Reason: reason}
}

// invalidReply returns nil for nil.
func invalidReply(err error) *failure {
	if err == nil {
		return nil
	}
	return &failure{Code: codeInvalidReply, Reason: "The backend's reply is invalid", cause: err}
}

// backendFailure says what clients are told of a failed call, nil for nil. The
// backend's own message may not be meant for them.
func backendFailure(err error) *failure {
	if err == nil {
		return nil
	}
	f := &failure{Code: codeBackendError, Reason: "The backend failed", cause: err}
	var e *backend.Error
	if !errors.As(err, &e) {
		return f
	}
	f.Temporary = e.Temporary()
	switch e.Code {
	case codes.Unavailable:
		f.Code, f.Reason = codeBackendUnavailable, "The backend is unavailable"
	case codes.DeadlineExceeded:
		f.Code, f.Reason = codeBackendTimeout, "The backend did not answer in time"
	default: // as it stands
	}
	return f
}
