package main

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed52a35d2d/realtime-server/authn"
	"github.com/seed52a35d2d/realtime-server/authn/chain"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/internal/backend"
	"github.com/seed52a35d2d/realtime-server/internal/backend/backendtest"
	"github.com/seed52a35d2d/realtime-server/service"
)

// TestChainsOfTheConfiguration asks what a namespace is made of, in every order
// that makes sense.
func TestChainsOfTheConfiguration(t *testing.T) {
	target := backendtest.Serve(t, &backendtest.Stub{
		AuthenticateFunc: func(context.Context, *realtimev1.AuthenticateRequest) (*realtimev1.AuthenticateResponse, error) {
			return &realtimev1.AuthenticateResponse{Result: &realtimev1.AuthenticateResponse_Accept{
				Accept: &realtimev1.Accept{UserId: "whom the backend knows"},
			}}, nil
		},
	})
	const secret = "jwt: {keys: [{secret: 0123456789abcdef0123456789abcdef}]}"
	for name, c := range map[string]struct {
		namespace string
		auth      string
		want      string // a user, or a code
	}{
		"nothing, and nobody else":      {"chain: [jwt, ticket], " + secret, `{}`, chain.CodeMissing},
		"nothing, and a backend":        {"chain: [jwt, ticket, backend], " + secret, `{}`, "whom the backend knows"},
		"nothing, and everybody":        {"chain: [ticket, jwt, anonymous], rooms: [lobby], " + secret, `{}`, ""},
		"a bad token, and a backend":    {"chain: [jwt, backend], " + secret, `{"token":"x"}`, "TOKEN_INVALID"},
		"a bad token, and everybody":    {"chain: [jwt, anonymous], " + secret, `{"token":"x"}`, "TOKEN_INVALID"},
		"a bad ticket, and everybody":   {"chain: [ticket, anonymous]", `{"ticket":"x"}`, "TICKET_INVALID"},
		"a ticket where it is not":      {"chain: [ticket, backend], ticket: {auth: a.b}", `{"ticket":"x"}`, "whom the backend knows"},
		"a ticket where it is":          {"chain: [ticket, backend], ticket: {auth: a.b}", `{"a":{"b":"x"}}`, "TICKET_INVALID"},
		"tickets alone":                 {"chain: [ticket]", `{}`, "TICKET_MISSING"},
		"a backend alone":               {"chain: [backend]", `{}`, "whom the backend knows"},
		"no chain, as ever":             {secret, `{}`, "TOKEN_MISSING"},
		"no chain and only the backend": {"", `{}`, "whom the backend knows"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := sound(t, "namespaces: {/: {"+c.namespace+"}}", []string{anAPIKey}, "--backend", target)
			identity, err := policies(t, cfg)["/"].Authenticator.Authenticate(t.Context(), authn.Handshake{
				Namespace: "/", Claims: authn.Claims{Auth: []byte(c.auth)},
			})
			got := identity.User
			if r, ok := errors.AsType[*authn.Refusal](err); ok {
				got = r.Code
			}
			if got != c.want {
				t.Errorf("got %q, %v; want %q", got, err, c.want)
			}
		})
	}
}

// policies is who decides, with a configuration.
func policies(t *testing.T, cfg *Config) map[string]service.Policy {
	t.Helper()
	p := &parts{}
	t.Cleanup(func() {
		for _, b := range p.backends {
			_ = b.Close()
		}
		for _, a := range p.tokens {
			a.Close()
		}
	})
	all, err := p.buildPolicies(cfg, backend.Node{}, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestRecipesLoad starts a server, as far as that needs no keys, with what
// authentication.md shows.
func TestRecipesLoad(t *testing.T) {
	wanted := []string{"Tokens", "Tickets", "Several kinds", "Strangers at the door", "Recipes"}
	for section := range strings.SplitSeq(page(t, "docs/authentication.md"), "\n## ") {
		title, text, _ := strings.Cut(section, "\n")
		i := slices.Index(wanted, title)
		if i < 0 {
			continue
		}
		wanted = slices.Delete(wanted, i, i+1)
		files := strings.Split(text, "```yaml\n")[1:]
		if len(files) == 0 {
			t.Errorf("%s shows no configuration", title)
		}
		for _, file := range files {
			file, _, _ = strings.Cut(file, "```")
			if _, err := load(t, file, []string{anAPIKey}); err != nil {
				t.Errorf("%s: %v\n%s", title, err, file)
			}
		}
	}
	if len(wanted) > 0 {
		t.Errorf("the page lacks %q", wanted)
	}
}

// Under dev, too, a chain says who gets in.
func TestDevKeepsToTheChain(t *testing.T) {
	cfg := sound(t, "namespaces: {/: {chain: [ticket]}}", nil, "--dev")
	if cfg.Namespaces["/"].Anonymous {
		t.Error("the namespace is open")
	}
}
