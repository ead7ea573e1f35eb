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
	AuthorizeJoin(context.Context, *realtimev1.AuthorizeJoinRequest) (*realtimev1.AuthorizeJoinResponse, error)
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
	// EventMode has clients connected first, and asked who they are then; nil has
	// them asked before. It has its defaults.
	EventMode *EventMode
	// LateComeBack has clients come back by themselves of whom nobody could tell
	// within EventMode.Timeout who they are.
	LateComeBack bool
	// Join says which rooms clients may join, and that they may leave rooms; nil
	// leaves such events to the Backend.
	Join *JoinPolicy
	// Dev acknowledges `echo` where there is no backend.
	Dev bool
	// Expiry and Refresh are about credentials that end.
	Expiry  Expiry
	Refresh Refresh

	all *route // of every event, where there are no Routes; made by NewGateway
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

	receptions  map[string]*reception // of the namespaces in mode event, by pattern
	revocations *Revocations

	returned func(ctx context.Context, former *realtimev1.Connection) bool // nil where clients come back to their own node only
}

// NewGateway returns the gateway for namespaces with these policies; every
// namespace and pattern of the server needs one. Close it after the server.
func NewGateway(policies map[string]Policy, cfg Config, log *slog.Logger, reg prometheus.Registerer) *Gateway {
	g := &Gateway{
		policies: make(map[string]Policy, len(policies)),
		cfg:      cfg,
		log:      newTroubleLog(log),
		metrics:  newGatewayMetrics(reg),
		expiry:   newExpiry(),
		peers:    nobody{},
		registry: unregistered{},

		receptions:  map[string]*reception{},
		revocations: newRevocations(cfg.Revocation, reg),
	}
	for pattern, policy := range policies {
		policy.all = &route{Rule: Rule{Backend: policy.Backend}}
		g.policies[pattern] = policy
		if r := g.openReception(policy); r != nil {
			g.receptions[pattern] = r
		}
	}
	return g
}

// SetPeers makes the node one of several. It is called before clients come.
func (g *Gateway) SetPeers(p Peers) { g.peers = p }

// Revocations are what the gateway asks about every credential.
func (g *Gateway) Revocations() *Revocations { return g.revocations }

// Close stops watching for credentials that end, and for strangers.
func (g *Gateway) Close() {
	g.expiry.close()
	for _, r := range g.receptions {
		r.close()
	}
}

// member is what the gateway keeps of an accepted connection. A refreshed
// credential makes another one.
type member struct {
	metadata   *structpb.Struct // read-only
	expiresAt  time.Time
	credential revocation.Credential
	stranger   *stranger // nil once the client is accepted

	refreshedAt time.Time // the last attempt; owned by whoever handles the client's events
}

func memberOf(s *sio.Socket) *member {
	m, _ := s.Data().(*member)
	return m
}

// Connect asks the namespace's authenticator, unless that is done later. An error
// that is no [authn.Refusal] keeps the client out in the words of package sio.
func (g *Gateway) Connect(ctx context.Context, s *sio.Socket) (*sio.Welcome, error) {
	if r := g.receptionOf(s); r != nil {
		return r.greet(), nil
	}
	welcome, err := g.judge(ctx, s, g.handshake(s))
	g.record(ctx, s, err)
	if err != nil {
		return nil, tell(err)
	}
	return welcome, nil
}

// judge asks the namespace's authenticator. Who is let in has a credential that
// was not revoked.
func (g *Gateway) judge(ctx context.Context, s *sio.Socket, h authn.Handshake) (*sio.Welcome, error) {
	identity, err := g.policies[s.Namespace().Pattern()].Authenticator.Authenticate(ctx, h)
	if err != nil {
		return nil, err
	}
	welcome, err := g.welcome(identity)
	if err == nil {
		err = g.vouch(ctx, s, identity, welcome)
	}
	return welcome, err
}

// record counts a verdict, and logs that nobody could tell, or, for those who
// look for it, what is wrong with a credential.
func (g *Gateway) record(ctx context.Context, s *sio.Socket, err error) {
	namespace := s.Namespace().Pattern()
	verdict := verdictOf(ctx, err)
	g.metrics.authentications.WithLabelValues(namespace, verdict).Inc()
	switch verdict {
	case broken:
		g.log.report(ctx, trouble{namespace, "authenticate"}, err)
	case refused:
		g.log.refused(ctx, s, err)
	}
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
