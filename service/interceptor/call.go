package interceptor

import (
	"context"
	"time"

	"github.com/seed52a35d2d/realtime-server/authn/authority"
)

// call is one call of a method by somebody who may call at all.
type call struct {
	gate   *gate
	method string
	need   need
	known  bool // whether the method is among needs
	who    []*authority.Caller
	opened bool // the request that opens the call has come
}

// open counts a new call.
func (c *call) open(ctx context.Context) error {
	if err := c.take(ctx, c.who); err != nil {
		return err
	}
	return c.hold(ctx, c.who)
}

// request decides about a request of the call, the first or a further one of a
// stream.
func (c *call) request(ctx context.Context, req any) error {
	who, opening := c.who, !c.opened
	if !opening {
		var err error
		if who, err = c.still(ctx); err != nil {
			return err
		}
		if err = c.take(ctx, who); err != nil {
			return err
		}
	}
	c.opened = true
	if err := c.reach(ctx, who, req, opening); err != nil {
		return err
	}
	c.gate.tally.allowed(who)
	return nil
}

// reach holds callers to their namespaces and rooms.
func (c *call) reach(ctx context.Context, who []*authority.Caller, req any, opening bool) error {
	if c.need.anyone {
		return nil
	}
	for _, caller := range who {
		l := checkNamespaces(caller, req, opening)
		if l == nil {
			l = checkRooms(caller, c.need, req)
		}
		if l != nil {
			return c.lacks(ctx, caller, l)
		}
	}
	return nil
}

// still is who calls, as of now: a stream may outlive what it was opened with.
func (c *call) still(ctx context.Context) ([]*authority.Caller, error) {
	who := make([]*authority.Caller, 0, len(c.who))
	for _, caller := range c.who {
		now := c.gate.callers.Now(caller)
		if now == nil {
			return nil, c.gate.tally.refused(ctx, c.method, caller, outcomeInvalid, errCallerGone)
		}
		who = append(who, now)
	}
	return who, c.hold(ctx, who)
}

// hold holds callers to the scope of the method.
func (c *call) hold(ctx context.Context, who []*authority.Caller) error {
	if c.need.anyone {
		return nil
	}
	for _, caller := range who {
		switch {
		case !c.known:
			return c.lacks(ctx, caller, &lack{lacksScope, "none", "cannot call this method: no scope covers it"})
		case !caller.Has(c.need.scope):
			return c.lacks(ctx, caller, &lack{lacksScope, string(c.need.scope), "lacks the scope of this method"})
		}
	}
	return nil
}

// take counts a request for everybody who makes it.
func (c *call) take(ctx context.Context, who []*authority.Caller) error {
	var longest time.Duration
	var early *authority.Caller
	for _, caller := range who {
		if wait := caller.Take(); wait > longest {
			longest, early = wait, caller
		}
	}
	if early == nil {
		return nil
	}
	return c.gate.tally.refused(ctx, c.method, early, outcomeLimited, rateLimited(early, longest))
}

func (c *call) lacks(ctx context.Context, caller *authority.Caller, l *lack) error {
	return c.gate.tally.refused(ctx, c.method, caller, outcomeDenied, scopeMissing(caller, l))
}
