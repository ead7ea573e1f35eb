package interceptor

import (
	"context"
	"errors"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors"
	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/auth"
	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/logging"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"

	"github.com/seed52a35d2d/realtime-server/authn/apikey"
)

// needsKey leaves the health checks of orchestrators, which have no key, open.
func needsKey(_ context.Context, call interceptors.CallMeta) bool {
	return call.Service != grpc_health_v1.Health_ServiceDesc.ServiceName
}

// checkKey lets calls with one of the keys pass and puts the key's name into
// their log lines.
func checkKey(keys *apikey.Keys) auth.AuthFunc {
	return func(ctx context.Context) (context.Context, error) {
		name, err := keys.Check(authorization(ctx))
		if err != nil {
			return nil, credentials(err)
		}
		logging.AddFields(ctx, logging.Fields{"api_key", name})
		return ctx, nil
	}
}

func authorization(ctx context.Context) string {
	values := metadata.ValueFromIncomingContext(ctx, "authorization")
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

func credentials(err error) error {
	if errors.Is(err, apikey.ErrMissing) {
		return errCredentialsMissing
	}
	return errCredentialsInvalid
}
