package redisbus

import (
	"slices"

	"github.com/redis/go-redis/v9"
)

// newClient returns the client for commands. It dials as the bus does.
func newClient(cfg Config, d dialer) redis.UniversalClient {
	return redis.NewUniversalClient(&redis.UniversalOptions{
		Addrs:                      slices.Clone(cfg.Addresses), // go-redis appends to it
		MasterName:                 cfg.MasterName,
		IsClusterMode:              cfg.ofCluster(),
		DB:                         cfg.Database,
		Dialer:                     d.network,
		CredentialsProviderContext: d.credentials,
		SentinelUsername:           cfg.SentinelUsername,
		SentinelPassword:           cfg.SentinelPassword,
		PoolSize:                   cfg.PoolSize,
		DialTimeout:                cfg.DialTimeout,
		ReadTimeout:                cfg.CallTimeout,
		WriteTimeout:               cfg.CallTimeout,
		PoolTimeout:                cfg.CallTimeout,
		ContextTimeoutEnabled:      true,
		MaxRetries:                 -1,
		DialerRetries:              1,
		// Redis 6 and Valkey answer it, but nothing here needs RESP 3.
		Protocol:        2,
		DisableIdentity: true,
	})
}
