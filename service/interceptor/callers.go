package interceptor

import (
	"context"
	"crypto/x509"
	"errors"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/seed52a35d2d/realtime-server/authn/apikey"
	"github.com/seed52a35d2d/realtime-server/authn/authority"
)

// identify returns who calls: the holder of a key, of a certificate, or both,
// and then both must allow what is called. A wrong key is not made good by a
// certificate, nor the other way round.
func identify(ctx context.Context, all *authority.Callers) ([]*authority.Caller, error) {
	var who []*authority.Caller
	byKey, err := all.ByKey(authorization(ctx))
	switch {
	case err == nil:
		who = append(who, byKey)
	case !errors.Is(err, apikey.ErrMissing):
		return nil, errKeyUnknown
	}
	if cert := certificate(ctx); cert != nil {
		byCertificate, err := all.ByCertificate(cert)
		switch {
		case errors.Is(err, authority.ErrTwoIdentities):
			return nil, errCertificateAmbiguous
		case err != nil && byKey == nil:
			return nil, errCertificateUnknown
		case byCertificate != nil:
			who = append(who, byCertificate)
		}
	}
	if len(who) == 0 {
		return nil, errCredentialsMissing
	}
	return who, nil
}

func authorization(ctx context.Context) string {
	values := metadata.ValueFromIncomingContext(ctx, "authorization")
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// certificate is the caller's, nil unless it was verified.
func certificate(ctx context.Context) *x509.Certificate {
	from, ok := peer.FromContext(ctx)
	if !ok {
		return nil
	}
	tls, ok := from.AuthInfo.(credentials.TLSInfo)
	if !ok || len(tls.State.VerifiedChains) == 0 {
		return nil
	}
	return tls.State.VerifiedChains[0][0]
}
