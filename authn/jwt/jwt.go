// Package jwt tells from a signed token who a client is, without asking
// anybody.
//
// A token is believed if one of the configured keys signed it by an algorithm
// that fits this key, if it has not ended, and if issuer and audience are
// among those of the configuration. Keys stand in the configuration or come
// from a JWK set by HTTP. While such a set cannot be had, clients whose keys
// are not known are kept out with a temporary [authn.Refusal]: nobody could
// tell who they are. No error and no log line of this package holds a token
// or a part of one.
//
// The files: config.go is what can be said, key.go which algorithms fit which
// key, keyring.go the keys of the configuration, remote.go the JWK set, token.go
// where the token is, and mapping.go what its claims make of the client.
package jwt

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/seed52a35d2d/realtime-server/authn"
)

// Codes of the refusals that this package makes.
const (
	// CodeMissing: the client sent no token.
	CodeMissing = "TOKEN_MISSING"
	// CodeInvalid: the token is malformed, signed by none of the keys, or made
	// by or for somebody else.
	CodeInvalid = "TOKEN_INVALID"
	// CodeExpired: the token was good once.
	CodeExpired = "TOKEN_EXPIRED"
	// CodeNotYet: the token will be good later.
	CodeNotYet = "TOKEN_NOT_YET_VALID"
	// CodeClaims: the token is good, but its claims make no user of this server.
	CodeClaims = "TOKEN_CLAIMS_INVALID"
	// CodeKeysUnavailable: the JWK set cannot be had, so nobody can tell.
	CodeKeysUnavailable = "KEYS_UNAVAILABLE"
)

// Causes, for the log. They are ours: those of the library may quote the token.
var (
	errTooLong   = errors.New("the token is longer than max_bytes")
	errMalformed = errors.New("the token is malformed")
	errCritical  = errors.New("the token has a critical header")
	errNoKey     = errors.New("no key fits the token")
	errSignature = errors.New("the signature is wrong")
	errIssuer    = errors.New("the issuer is not among issuers")
	errAudience  = errors.New("the audience is not among audiences")
	errNoExpiry  = errors.New("the token has no exp, or one out of all bounds")
	errTooLively = errors.New("the token lives for longer than max_lifetime")
	errIssuedAt  = errors.New("iat is no time")
	errOther     = errors.New("the claims cannot be read")
)

// Authenticator checks tokens.
type Authenticator struct {
	cfg      Config
	maxRooms int
	static   *keyring
	remote   *remote // nil without a JWK set
	parser   *jwt.Parser
}

// New returns an authenticator that takes at most maxRooms rooms for one
// client. It reads files with keys, and fetches a JWK set, from now until Close.
func New(cfg Config, maxRooms int, watch Watch) (*Authenticator, error) {
	cfg = cfg.WithDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	a := &Authenticator{cfg: cfg, maxRooms: maxRooms}
	options := []jwt.ParserOption{
		// All that there may be: keysOf holds each key to its own.
		jwt.WithValidMethods(slices.Concat(symmetric, asymmetric)), jwt.WithExpirationRequired(), jwt.WithLeeway(cfg.Leeway),
		jwt.WithJSONNumber(), jwt.WithStrictDecoding(),
	}
	if len(cfg.Audiences) > 0 {
		options = append(options, jwt.WithAudience(cfg.Audiences...))
	}
	a.parser = jwt.NewParser(options...)
	trust, err := cfg.JWKS.trust()
	if err != nil {
		return nil, err
	}
	if a.static, err = newKeyring(cfg.Keys, watch); err != nil {
		return nil, err
	}
	if cfg.JWKS.URL != "" {
		a.remote = newRemote(cfg.JWKS, trust, watch)
	}
	return a, nil
}

// Close ends the reading and fetching of keys and waits for it.
func (a *Authenticator) Close() {
	a.static.close()
	if a.remote != nil {
		a.remote.close()
	}
}

// Authenticate returns whom the client's token names. The error is always a
// [*authn.Refusal].
func (a *Authenticator) Authenticate(ctx context.Context, h authn.Handshake) (authn.Identity, error) {
	token, err := find(a.cfg.Token, h.Credentials())
	if err != nil {
		return authn.Identity{}, err
	}
	if len(token) > a.cfg.MaxBytes {
		return authn.Identity{}, invalid(errTooLong)
	}
	claims := jwt.MapClaims{}
	_, err = a.parser.ParseWithClaims(token, claims, func(t *jwt.Token) (any, error) { return a.keysOf(ctx, t) })
	if err != nil {
		return authn.Identity{}, refusalOf(err)
	}
	expires, err := a.check(claims)
	if err != nil {
		return authn.Identity{}, invalid(err)
	}
	identity, err := a.cfg.Claims.identity(claims)
	if err == nil {
		identity.ExpiresAt = expires
		identity.IssuedAt, err = a.issuedAt(claims)
	}
	if err == nil {
		err = identity.Check(a.maxRooms, time.Now())
	}
	if err != nil {
		return authn.Identity{}, &authn.Refusal{Code: CodeClaims, Message: "The token names no user", Cause: err}
	}
	return identity, nil
}

// keysOf returns the keys that may have signed a token.
func (a *Authenticator) keysOf(ctx context.Context, t *jwt.Token) (any, error) {
	if _, critical := t.Header["crit"]; critical {
		return nil, errCritical
	}
	alg := t.Method.Alg()
	kid, isString := t.Header["kid"].(string)
	if _, named := t.Header["kid"]; named && !isString {
		return nil, errMalformed
	}
	found := fitting(a.static.keys(), kid, alg)
	if (len(found) == 0 || kid == "") && a.remote != nil && slices.Contains(asymmetric, alg) {
		more, err := a.remote.find(ctx, kid, alg)
		if err != nil {
			return nil, authn.Broken(CodeKeysUnavailable, err)
		}
		found = append(found, more...)
	}
	if len(found) == 0 {
		return nil, errNoKey
	}
	return jwt.VerificationKeySet{Keys: found}, nil
}

// check is what the library does not look at. It returns the end of the
// credential, which the leeway puts off as it does for newcomers.
func (a *Authenticator) check(claims jwt.MapClaims) (time.Time, error) {
	if len(a.cfg.Issuers) > 0 {
		issuer, err := claims.GetIssuer()
		if err != nil || !slices.Contains(a.cfg.Issuers, issuer) {
			return time.Time{}, errIssuer
		}
	}
	exp, err := claims.GetExpirationTime()
	if err != nil || exp == nil || exp.Year() < 1970 || exp.Year() > 9999 {
		return time.Time{}, errNoExpiry
	}
	end := exp.Add(a.cfg.Leeway)
	if a.cfg.MaxLifetime > 0 && time.Until(exp.Time) > a.cfg.MaxLifetime+a.cfg.Leeway {
		return time.Time{}, errTooLively
	}
	return end, nil
}

// issuedAt is since when a token is good; zero if it does not say. The leeway
// makes it older, for the clock of the issuer may be ahead: a token counts as
// revoked in case of doubt.
func (a *Authenticator) issuedAt(claims jwt.MapClaims) (time.Time, error) {
	iat, err := claims.GetIssuedAt()
	if err != nil {
		return time.Time{}, errIssuedAt
	}
	if iat == nil {
		return time.Time{}, nil
	}
	return iat.Add(-a.cfg.Leeway), nil
}

func invalid(cause error) *authn.Refusal {
	return &authn.Refusal{Code: CodeInvalid, Message: "The token is not valid", Cause: cause}
}

// refusalOf says in our words what the library found.
func refusalOf(err error) *authn.Refusal {
	var refusal *authn.Refusal
	switch {
	case errors.As(err, &refusal):
		return refusal
	case errors.Is(err, jwt.ErrTokenExpired):
		return &authn.Refusal{Code: CodeExpired, Message: "The token has expired"}
	case errors.Is(err, jwt.ErrTokenNotValidYet):
		return &authn.Refusal{Code: CodeNotYet, Message: "The token is not valid yet"}
	}
	for _, known := range []struct{ theirs, ours error }{
		{errCritical, errCritical},
		{errNoKey, errNoKey},
		{errMalformed, errMalformed},
		{jwt.ErrTokenMalformed, errMalformed},
		{jwt.ErrTokenSignatureInvalid, errSignature},
		{jwt.ErrTokenUnverifiable, errNoKey},
		{jwt.ErrTokenInvalidAudience, errAudience},
		{jwt.ErrTokenRequiredClaimMissing, errNoExpiry},
	} {
		if errors.Is(err, known.theirs) {
			return invalid(known.ours)
		}
	}
	return invalid(errOther)
}
