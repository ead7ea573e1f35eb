package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/seed52a35d2d/realtime-server/authn"
	"github.com/seed52a35d2d/realtime-server/authn/chain"
	"github.com/seed52a35d2d/realtime-server/sio/engineio"
)

// admitPatience is how long the check of a handshake may take: only keys that
// have to be fetched take any time at all.
const admitPatience = 2 * time.Second

// validateAdmission reports a check of handshakes that nobody could pass.
func (c *Config) validateAdmission() error {
	name := c.HTTP.HandshakeAuth
	if name == "" {
		return nil
	}
	n, known := c.Namespaces[name]
	switch {
	case !known:
		return fmt.Errorf("http.handshake_auth: there is no namespace %q", name)
	case n.JWT == nil:
		return fmt.Errorf("http.handshake_auth: namespace %q has no jwt, and only tokens can be checked that early", name)
	case len(n.Chain) > 0 && n.Chain[len(n.Chain)-1] != chain.JWT:
		return fmt.Errorf("http.handshake_auth: in namespaces.%s.chain, jwt must be the last: whoever passes the handshake has a token, so nobody else is asked", name)
	case !n.JWT.Token.InRequest():
		return fmt.Errorf("http.handshake_auth: needs header, cookie or query in namespaces.%s.jwt.token, for a handshake has no auth", name)
	}
	return nil
}

// admission checks handshakes by the tokens of a namespace; nil if the
// configuration wants none.
func (p *parts) admission(cfg *Config) func(*http.Request) engineio.Admission {
	name := cfg.HTTP.HandshakeAuth
	if name == "" {
		return nil
	}
	tokens, headers := p.tokens[name], cfg.Namespaces[name].JWT.Token.Headers()
	return func(r *http.Request) engineio.Admission {
		ctx, cancel := context.WithTimeout(r.Context(), admitPatience)
		defer cancel()
		_, err := tokens.Authenticate(ctx, authn.Handshake{Namespace: name, Claims: claimsOf(r, headers)})
		refusal, refused := errors.AsType[*authn.Refusal](err)
		switch {
		case err == nil:
			return engineio.Admitted
		case refused && !refusal.Temporary:
			return engineio.NotAdmitted
		}
		return engineio.AdmissionUnknown
	}
}

// claimsOf is what a request says of its client, as far as it is looked at.
func claimsOf(r *http.Request, headers []string) authn.Claims {
	claims := authn.Claims{Query: map[string]string{}, Headers: map[string]string{}}
	for key, values := range r.URL.Query() {
		claims.Query[key] = values[len(values)-1]
	}
	for _, header := range headers {
		claims.Headers[header] = strings.Join(r.Header.Values(header), ", ")
	}
	return claims
}
