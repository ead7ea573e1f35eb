package main

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed52a35d2d/realtime-server/authn"
	"github.com/seed52a35d2d/realtime-server/authn/anonymous"
	"github.com/seed52a35d2d/realtime-server/authn/callback"
	"github.com/seed52a35d2d/realtime-server/authn/chain"
	"github.com/seed52a35d2d/realtime-server/authn/jwt"
	"github.com/seed52a35d2d/realtime-server/authn/outage"
	"github.com/seed52a35d2d/realtime-server/authn/ticket"
	"github.com/seed52a35d2d/realtime-server/internal/backend"
	"github.com/seed52a35d2d/realtime-server/service"
)

// policyMaker makes who decides about the clients of each namespace. Namespaces
// with the common backend share its client.
type policyMaker struct {
	parts    *parts
	cfg      *Config
	log      *slog.Logger
	backends *backends
	fetches  *prometheus.CounterVec
	reloads  *prometheus.CounterVec
	outages  *outage.Metrics
}

// buildPolicies says for every namespace who decides about its clients.
func (p *parts) buildPolicies(cfg *Config, node backend.Node, log *slog.Logger, reg prometheus.Registerer) (map[string]service.Policy, error) {
	p.office = ticket.NewOffice(reg)
	p.tokens = map[string]*jwt.Authenticator{}
	b := &policyMaker{
		parts: p, cfg: cfg, log: log,
		backends: &backends{hub: p.attach, node: node, log: log, metrics: backend.NewMetrics(reg), clients: map[*backend.Config]*backend.Client{}},
		fetches:  jwt.NewFetches(reg), reloads: jwt.NewReloads(reg), outages: outage.NewMetrics(reg),
	}
	defer func() { p.backends = slices.Collect(maps.Values(b.backends.clients)) }()
	all := map[string]service.Policy{}
	var faults []error
	for _, name := range cfg.SocketIO.Namespaces {
		policy, err := b.policy(name, cfg.Namespaces[name])
		if err != nil {
			faults = append(faults, fmt.Errorf("namespace %s: %w", name, err))
		}
		all[name] = policy
	}
	return all, errors.Join(faults...)
}

func (b *policyMaker) policy(name string, n Namespace) (service.Policy, error) {
	policy := service.Policy{Dev: b.cfg.Dev, Expiry: n.Expiry, Refresh: n.Refresh}
	var own *backend.Client
	if to := b.cfg.backendOf(n); to != nil {
		var err error
		if own, err = b.backends.client(b.cfg.labelOf(to, name), to); err != nil {
			return policy, err
		}
		policy.Backend = own
	}
	var faults [3]error
	policy.Authenticator, faults[0] = b.authenticator(name, n, own)
	policy.Routes, faults[1] = b.backends.routes(b.cfg, n, own)
	faults[2] = within("join", buildClients(b.cfg, n, &policy))
	return policy, errors.Join(faults[:]...)
}

// authenticator asks those who decide about the clients of a namespace. Its
// backend is own, or nil.
func (b *policyMaker) authenticator(name string, n Namespace, own *backend.Client) (authn.Authenticator, error) {
	var links []authn.Authenticator
	for _, kind := range n.kinds() {
		link, err := b.link(kind, name, n, own)
		if err != nil {
			return nil, err
		}
		links = append(links, link)
	}
	if len(n.Chain) == 0 {
		return links[0], nil
	}
	return chain.New(links...), nil
}

// link makes one of a kind.
func (b *policyMaker) link(kind, name string, n Namespace, own *backend.Client) (authn.Authenticator, error) {
	switch kind {
	case chain.JWT:
		tokens, err := b.tokens(name, *n.JWT)
		return tokens, within("jwt", err)
	case chain.Ticket:
		return b.parts.office.Authenticator(*n.Ticket, b.cfg.SocketIO.MaxRooms), nil
	case chain.Anonymous:
		return anonymous.New(n.Rooms...)
	default:
		return b.sheltered(name, n, callback.New(own, b.cfg.SocketIO.MaxRooms)), nil
	}
}

// tokens makes what checks the tokens of a namespace.
func (b *policyMaker) tokens(name string, cfg jwt.Config) (*jwt.Authenticator, error) {
	label := prometheus.Labels{"namespace": name}
	tokens, err := jwt.New(cfg, b.cfg.SocketIO.MaxRooms, jwt.Watch{
		Log:     b.log.With(slog.String("namespace", name)),
		Fetches: b.fetches.MustCurryWith(label), Reloads: b.reloads.MustCurryWith(label),
	})
	if err == nil {
		b.parts.tokens[name] = tokens
	}
	return tokens, err
}
