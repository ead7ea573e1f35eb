package realtime

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

// RevokeOption changes one [Client.RevokeUser] or [Client.RevokeToken]. Every
// [DisconnectOption] is one.
type RevokeOption interface{ revoke(*revokeConfig) }

type revokeConfig struct {
	disconnectConfig
	namespace     string
	allNamespaces bool
	until         *timestamppb.Timestamp // nil: as the server is configured
}

func (o DisconnectOption) revoke(c *revokeConfig) { o(&c.disconnectConfig) }

// revokeOnly is an option of nothing else.
type revokeOnly func(*revokeConfig)

func (o revokeOnly) revoke(c *revokeConfig) { o(c) }

// InNamespace revokes in another namespace than "/".
func InNamespace(name string) RevokeOption {
	return revokeOnly(func(c *revokeConfig) { c.namespace = name })
}

// InAllNamespaces revokes in every namespace.
func InAllNamespaces() RevokeOption {
	return revokeOnly(func(c *revokeConfig) { c.allNamespaces = true })
}

// Until says when what is revoked ends by itself, and is refused no longer.
// Without it the server's configuration says how long that takes.
func Until(end time.Time) RevokeOption {
	return revokeOnly(func(c *revokeConfig) { c.until = timestamppb.New(end) })
}

// RevokeUser ends every connection of a user of namespace "/", and refuses the
// credentials that the user has had so far. Who signs in anew gets in. It returns
// how many connections there were.
func (c *Client) RevokeUser(ctx context.Context, userID string, opts ...RevokeOption) (int64, error) {
	cfg, last, err := revokeConfigOf(opts)
	if err != nil {
		return 0, err
	}
	res, err := c.api.RevokeUser(ctx, &realtimev1.RevokeUserRequest{
		Namespace: cfg.namespace, AllNamespaces: cfg.allNamespaces, UserId: userID, Until: cfg.until,
		Reason: cfg.reason, AllowReconnect: cfg.allowReconnect, LastEvent: last,
	})
	return res.GetMatched(), err
}

// RevokeToken does the same to one credential of namespace "/", by its name:
// [Accept].TokenID, or `jti` of a JSON Web Token.
func (c *Client) RevokeToken(ctx context.Context, tokenID string, opts ...RevokeOption) (int64, error) {
	cfg, last, err := revokeConfigOf(opts)
	if err != nil {
		return 0, err
	}
	res, err := c.api.RevokeToken(ctx, &realtimev1.RevokeTokenRequest{
		Namespace: cfg.namespace, AllNamespaces: cfg.allNamespaces, TokenId: tokenID, Until: cfg.until,
		Reason: cfg.reason, AllowReconnect: cfg.allowReconnect, LastEvent: last,
	})
	return res.GetMatched(), err
}

func revokeConfigOf(opts []RevokeOption) (cfg revokeConfig, last *realtimev1.Event, err error) {
	for _, opt := range opts {
		opt.revoke(&cfg)
	}
	if cfg.lastEvent != nil {
		last, err = cfg.lastEvent.proto()
	}
	return cfg, last, err
}
