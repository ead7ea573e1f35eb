package service

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/seed52a35d2d/realtime-server/authn"
	"github.com/seed52a35d2d/realtime-server/authn/revocation"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// Backend is told of connections and their events. Every call returns when its
// context ends or the backend's own deadline has passed.
type Backend interface {
	OnConnected(context.Context, *realtimev1.OnConnectedRequest) (*realtimev1.OnConnectedResponse, error)
	OnEvent(context.Context, *realtimev1.OnEventRequest) (*realtimev1.OnEventResponse, error)
	OnDisconnected(context.Context, *realtimev1.OnDisconnectedRequest) (*realtimev1.OnDisconnectedResponse, error)
}

// Policy says who decides about the clients of a namespace.
type Policy struct {
	// Authenticator decides who gets in. Required.
	Authenticator authn.Authenticator
	// Backend hears of connections, and answers the clients' events where there
	// are no Routes; nil if nobody does.
	Backend Backend
	// Routes say who answers which event; nil leaves all of them to Backend.
	Routes *Routes
	// Dev lets clients emit `join` and `leave` with {"rooms": [...]}, and
	// without a backend `echo`.
	Dev bool
	// Expiry and Refresh are about credentials that end.
	Expiry  Expiry
	Refresh Refresh
}

// Gateway implements [sio.Handler]: it decides about clients as the policies of
// their namespaces say.
type Gateway struct {
	policies map[string]Policy // by sio.Namespace.Pattern
	cfg      Config
	log      *troubleLog
	metrics  *gatewayMetrics
	expiry   *expiry
	peers    Peers
	registry Registry
	lost     lost

	revocations *Revocations

	returned func(ctx context.Context, former *realtimev1.Connection) bool // nil where clients come back to their own node only
}

// NewGateway returns the gateway for namespaces with these policies; every
// namespace and pattern of the server needs one. Close it after the server.
func NewGateway(policies map[string]Policy, cfg Config, log *slog.Logger, reg prometheus.Registerer) *Gateway {
	return &Gateway{
		policies: policies,
		cfg:      cfg,
		log:      newTroubleLog(log),
		metrics:  newGatewayMetrics(reg),
		expiry:   newExpiry(),
		peers:    nobody{},
		registry: unregistered{},

		revocations: newRevocations(cfg.Revocation, reg),
	}
}

// SetPeers makes the node one of several. It is called before clients come.
func (g *Gateway) SetPeers(p Peers) { g.peers = p }

// Revocations are what the gateway asks about every credential.
func (g *Gateway) Revocations() *Revocations { return g.revocations }

// Close stops watching for credentials that end.
func (g *Gateway) Close() { g.expiry.close() }

// member is what the gateway keeps of an accepted connection. A refreshed
// credential makes another one.
type member struct {
	metadata   *structpb.Struct // read-only
	expiresAt  time.Time
	credential revocation.Credential

	refreshedAt time.Time // the last attempt; owned by whoever handles the client's events
}

func memberOf(s *sio.Socket) *member {
	m, _ := s.Data().(*member)
	return m
}

// Connect asks the namespace's authenticator. An error that is no
// [authn.Refusal] keeps the client out in the words of package sio.
func (g *Gateway) Connect(ctx context.Context, s *sio.Socket) (*sio.Welcome, error) {
	namespace := s.Namespace().Pattern()
	identity, err := g.policies[namespace].Authenticator.Authenticate(ctx, g.handshake(s))
	var welcome *sio.Welcome
	if err == nil {
		welcome, err = g.welcome(identity)
	}
	if err == nil {
		err = g.vouch(ctx, s, identity, welcome)
	}
	verdict := verdictOf(ctx, err)
	g.metrics.authentications.WithLabelValues(namespace, verdict).Inc()
	if verdict == broken {
		g.log.report(ctx, trouble{namespace, "authenticate"}, err)
	}
	if err != nil {
		return nil, tell(err)
	}
	return welcome, nil
}

func (g *Gateway) welcome(identity authn.Identity) (*sio.Welcome, error) {
	m := &member{expiresAt: identity.ExpiresAt}
	if identity.Metadata != nil {
		m.metadata = &structpb.Struct{}
		if err := m.metadata.UnmarshalJSON(identity.Metadata); err != nil {
			return nil, authn.Broken(codeInvalidReply, fmt.Errorf("metadata: %w", err))
		}
	}
	c := &checker{cfg: g.cfg}
	welcome := &sio.Welcome{User: identity.User, Rooms: identity.Rooms, Data: m}
	for i, e := range identity.Events {
		welcome.Events = append(welcome.Events, c.firstEvent(fmt.Sprintf("events[%d]", i), e))
	}
	if err := c.problem(); err != nil {
		return nil, authn.Broken(codeInvalidReply, err)
	}
	return welcome, nil
}

// handshake collects what authenticators and backends may know of a client.
func (g *Gateway) handshake(s *sio.Socket) authn.Handshake {
	h := s.Handshake()
	claims := authn.Claims{Auth: s.Auth(), Query: map[string]string{}, Headers: map[string]string{}}
	for key, values := range h.Query() {
		claims.Query[key] = values[len(values)-1]
	}
	for _, name := range g.cfg.Headers {
		if value := h.Header(name); value != "" {
			claims.Headers[name] = value
		}
	}
	return authn.Handshake{
		ConnectionID: s.ID(),
		Namespace:    s.Namespace().Name(),
		Recovering:   s.Recovering(),
		Claims:       claims,
		Observed: authn.Observed{
			RemoteAddress: h.RemoteAddress,
			Secure:        h.Secure,
			Transport:     s.Transport(),
			Time:          h.Time,
			URL:           h.URL,
			CrossOrigin:   h.CrossOrigin,
		},
	}
}
