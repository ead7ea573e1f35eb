package interceptor

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"time"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/recovery"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/seed52a35d2d/realtime-server/authn/authority"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/service/apierror"
)

var (
	errCredentialsMissing = apierror.New(realtimev1.ErrorReason_ERROR_REASON_CREDENTIALS_MISSING,
		"the call carries no API key; send metadata authorization: Bearer <key>")
	errKeyUnknown           = invalid("the server does not know this API key")
	errCertificateUnknown   = invalid("the client certificate fits no identity, and the call carries no API key")
	errCertificateAmbiguous = invalid("the client certificate fits several identities")
	errCallerGone           = invalid("the credentials of this stream have been taken away")
	errInternal             = apierror.New(realtimev1.ErrorReason_ERROR_REASON_INTERNAL, "internal error")
)

func invalid(message string) error {
	return apierror.New(realtimev1.ErrorReason_ERROR_REASON_CREDENTIALS_INVALID, message)
}

// scopeMissing says what a caller lacks.
func scopeMissing(caller *authority.Caller, l *lack) error {
	return apierror.Explained(realtimev1.ErrorReason_ERROR_REASON_SCOPE_MISSING,
		fmt.Sprintf("%q %s", caller.Name, l.message),
		map[string]string{l.key: shortened(l.value)})
}

const reasonRateLimited = "RATE_LIMITED"

func rateLimited(caller *authority.Caller, wait time.Duration) error {
	return apierror.New(realtimev1.ErrorReason_ERROR_REASON_RATE_LIMITED,
		fmt.Sprintf("%q calls faster than it may", caller.Name),
		&errdetails.RetryInfo{RetryDelay: durationpb.New(wait)})
}

// maxTold is how much of a name that a caller has sent is said back or logged.
const maxTold = 256

func shortened(text string) string {
	if len(text) <= maxTold {
		return text
	}
	return strings.ToValidUTF8(text[:maxTold], "") + "…"
}

// panicked logs where a handler panicked. The caller learns nothing of it.
func panicked(log *slog.Logger) recovery.RecoveryHandlerFuncContext {
	return func(ctx context.Context, p any) error {
		log.LogAttrs(ctx, slog.LevelError, "gRPC handler panicked",
			slog.String("panic", fmt.Sprint(p)),
			slog.String("stack", string(debug.Stack())))
		return errInternal
	}
}
