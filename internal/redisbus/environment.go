package redisbus

import (
	"context"
	"log/slog"
)

// environment is what the connections of a path share. It does not change.
type environment struct {
	cfg     Config
	dialer  dialer
	resolve resolver
	// stale says that resolve may know an old truth.
	stale   func(context.Context)
	metrics *metrics
	log     *slog.Logger
}

// connect connects to the server that is responsible, or to where Redis has
// pointed. The timeout of dialling is for all of it: to ask who is responsible,
// to be let in, and to see that it is a master.
func (e environment) connect(ctx context.Context, hint string) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, e.cfg.DialTimeout)
	defer cancel()
	address := hint
	if address == "" {
		var err error
		if address, err = e.resolve(ctx); err != nil {
			return nil, err
		}
	}
	c, err := e.dialer.server(ctx, address)
	if err != nil {
		e.stale(ctx)
	}
	return c, err
}
