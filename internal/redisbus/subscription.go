package redisbus

import "context"

// Handler takes a message of a channel. The handlers of one connection are
// called one after another, in the order in which messages come, and nothing is
// read meanwhile: they must be quick. The payload belongs to the handler.
type Handler func(channel string, payload []byte)

// Subscription is the interest in a channel or a pattern.
type Subscription struct {
	feed *feed
	of   *interest
}

// Subscribe declares interest in a channel. It returns at once; whether Redis
// is there does not matter, and the interest outlives all connections until
// [Bus.Unsubscribe]. There is one interest for a channel: who subscribes again
// replaces the handler.
func (b *Bus) Subscribe(channel string, h Handler) *Subscription {
	name, p := b.wire(channel)
	return p.subscribe(p.kind, name, channel, h)
}

// Unsubscribe ends the interest in a channel. The handler may still be running,
// but will not be called again.
func (b *Bus) Unsubscribe(channel string) {
	name, p := b.wire(channel)
	p.feed.forget(p.kind, name)
}

func (p *path) subscribe(k kind, wire, name string, h Handler) *Subscription {
	return &Subscription{p.feed, p.feed.want(k, wire, name, h)}
}

// Wait waits until Redis has confirmed the subscription on the connection that
// is in use, so that what is published from now on will be heard. It ends with
// ctx, or with [ErrClosed] when nobody is interested any more, or with
// [ErrUnavailable] if Redis refuses.
func (s *Subscription) Wait(ctx context.Context) error {
	for {
		changed, err := s.feed.await(s.of)
		if changed == nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return failure("subscribe", context.Cause(ctx), CauseTimeout)
		}
	}
}

// await returns the outcome of a subscription, or what to wait for.
func (f *feed) await(i *interest) (changed <-chan struct{}, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.ended || !i.wanted:
		return nil, &Error{Op: "subscribe", Cause: CauseClosed}
	case i.refused:
		return nil, &Error{Op: "subscribe", Cause: CauseDenied}
	case i.heard():
		return nil, nil
	}
	if i.changed == nil {
		i.changed = make(chan struct{})
	}
	return i.changed, nil
}
