package service

import (
	"context"
	"log/slog"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/seed52a35d2d/realtime-server/authn/revocation"
	clusterv1 "github.com/seed52a35d2d/realtime-server/gen/realtime/cluster/v1"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/service/cluster"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// SetRevocations gives the API what it revokes, and that the connections to end.
// It is called before the API is served.
func (s *Service) SetRevocations(r *Revocations) {
	s.revocations = r
	r.sockets = s.sockets
}

// RevokeUser ends every connection of a user, and refuses the credentials that
// the user has had so far.
func (s *Service) RevokeUser(
	ctx context.Context, req *realtimev1.RevokeUserRequest,
) (*realtimev1.RevokeUserResponse, error) {
	c := s.check()
	c.name("user_id", req.GetUserId())
	v := c.revocation(req, s.revocations.cfg.TTL)
	v.User = req.GetUserId()
	matched, coverage, err := s.revoke(ctx, c, v, req)
	if err != nil {
		return nil, err
	}
	return &realtimev1.RevokeUserResponse{Matched: matched, Coverage: coverage, Until: timestamppb.New(v.Until)}, nil
}

// RevokeToken ends every connection of a credential, and refuses it.
func (s *Service) RevokeToken(
	ctx context.Context, req *realtimev1.RevokeTokenRequest,
) (*realtimev1.RevokeTokenResponse, error) {
	c := s.check()
	c.name("token_id", req.GetTokenId())
	v := c.revocation(req, s.revocations.cfg.TTL)
	v.Token = req.GetTokenId()
	matched, coverage, err := s.revoke(ctx, c, v, req)
	if err != nil {
		return nil, err
	}
	return &realtimev1.RevokeTokenResponse{Matched: matched, Coverage: coverage, Until: timestamppb.New(v.Until)}, nil
}

// revoking is what both requests have.
type revoking interface {
	GetNamespace() string
	GetAllNamespaces() bool
	GetUntil() *timestamppb.Timestamp
	GetReason() string
	GetAllowReconnect() bool
	GetLastEvent() *realtimev1.Event
}

// revocation checks what both requests have.
func (c *checker) revocation(req revoking, ttl time.Duration) revocation.Revocation {
	now := time.Now()
	v := revocation.Revocation{
		Namespace: req.GetNamespace(), At: now, Until: now.Add(ttl),
		Detail: req.GetReason(), Reconnect: req.GetAllowReconnect(),
	}
	switch {
	case req.GetAllNamespaces() && req.GetNamespace() != "":
		c.fault("namespace", "must be empty, since all_namespaces is set")
	case !req.GetAllNamespaces() && req.GetNamespace() == "":
		v.Namespace = "/"
	}
	if until := req.GetUntil(); until != nil {
		if v.Until = until.AsTime(); until.CheckValid() != nil || !v.Until.After(now) {
			c.fault("until", "must be in the future")
		}
	}
	c.reason(req.GetReason())
	return v
}

// revoke revokes credentials on this node, and on all others.
func (s *Service) revoke(
	ctx context.Context, c *checker, v revocation.Revocation, req revoking,
) (matched int64, coverage *realtimev1.Coverage, err error) {
	last := c.lastEvent(req.GetLastEvent())
	if err := s.mayRevoke(c, v); err != nil {
		return 0, nil, err
	}
	ended, err := s.revocations.revoke(v, last)
	if err != nil {
		return 0, nil, err
	}
	matched = int64(ended)
	call := &clusterv1.Call{Request: &clusterv1.Call_Revoke{Revoke: &clusterv1.Revoke{
		Revocation: messageOf(&v), LastEvent: req.GetLastEvent(),
	}}}
	// The nodes that are there are told first: of those that learn of it from the
	// store, nobody hears how many connections they have ended.
	coverage, unreached := s.askAll(ctx, call, func(r *clusterv1.Reply) { matched += r.GetDisconnect().GetMatched() })
	unsaved := s.revocations.save(ctx, v)
	s.log.LogAttrs(ctx, slog.LevelInfo, "credentials revoked",
		slog.String("kind", kindOf(&v)), slog.String("namespace", v.Namespace), slog.Bool("all_namespaces", v.Namespace == ""),
		slog.Int64("matched", matched), slog.Bool("everywhere", unreached == nil && unsaved == nil))
	if unreached != nil || unsaved != nil {
		return 0, nil, errClusterUnavailable
	}
	return matched, coverage, nil
}

// lastEvent checks the last event of connections that end; nil if there is none.
func (c *checker) lastEvent(e *realtimev1.Event) *sio.Event {
	if e == nil {
		return nil
	}
	return c.replyEvent("last_event", e)
}

// mayRevoke is begin for a revocation, which may be for all namespaces.
func (s *Service) mayRevoke(c *checker, v revocation.Revocation) error {
	if v.Namespace != "" {
		_, err := s.begin(c, v.Namespace)
		return err
	}
	if s.draining.Load() {
		return errDraining
	}
	return c.err()
}

// askAll is ask for every node, whatever connections it has.
func (s *Service) askAll(ctx context.Context, call *clusterv1.Call, take func(*clusterv1.Reply)) (*realtimev1.Coverage, error) {
	ctx, cancel := patient(ctx)
	defer cancel()
	cov, err := s.peers.Ask(ctx, cluster.Asking{
		To: cluster.Everyone(), Call: call, Take: func(_ string, r *clusterv1.Reply) { take(r) },
	})
	return coverageOf(cov), err
}

// doRevoke revokes what another node has revoked.
func (s *Service) doRevoke(req *clusterv1.Revoke) *clusterv1.Reply {
	resp := &realtimev1.DisconnectResponse{}
	if v, ok := revocationOf(req.GetRevocation()); ok {
		c := s.check()
		resp.Matched = int64(s.revocations.told(v, c.lastEvent(req.GetLastEvent())))
	}
	return &clusterv1.Reply{Response: &clusterv1.Reply_Disconnect{Disconnect: resp}}
}
