package jwt

import (
	"errors"
	"strings"

	"github.com/seed52a35d2d/realtime-server/authn"
	"github.com/seed52a35d2d/realtime-server/authn/place"
)

// Token says where clients put their token.
type Token = place.Place

// find returns the token of a client.
func find(at Token, claims authn.Claims) (string, error) {
	token, err := at.Find(claims)
	switch {
	case errors.Is(err, authn.ErrNoCredential):
		return "", &authn.Refusal{Code: CodeMissing, Message: "A token is needed", Cause: err}
	case err != nil:
		return "", invalid(errMalformed)
	}
	return bare(token), nil
}

// bare takes away what clients put before a token out of habit.
func bare(token string) string {
	const scheme = "bearer "
	if len(token) > len(scheme) && strings.EqualFold(token[:len(scheme)], scheme) {
		return strings.TrimSpace(token[len(scheme):])
	}
	return token
}
