package interceptor

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/recovery"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/service/apierror"
)

var (
	errCredentialsMissing = apierror.New(realtimev1.ErrorReason_ERROR_REASON_CREDENTIALS_MISSING,
		"the call carries no API key; send metadata authorization: Bearer <key>")
	errCredentialsInvalid = apierror.New(realtimev1.ErrorReason_ERROR_REASON_CREDENTIALS_INVALID,
		"the server does not know this API key")
	errInternal = apierror.New(realtimev1.ErrorReason_ERROR_REASON_INTERNAL, "internal error")
)

// panicked logs where a handler panicked. The caller learns nothing of it.
func panicked(log *slog.Logger) recovery.RecoveryHandlerFuncContext {
	return func(ctx context.Context, p any) error {
		log.LogAttrs(ctx, slog.LevelError, "gRPC handler panicked",
			slog.String("panic", fmt.Sprint(p)),
			slog.String("stack", string(debug.Stack())))
		return errInternal
	}
}
