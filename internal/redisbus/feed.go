package redisbus

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// feed listens, over one connection. It knows what is wanted; a new connection
// is told all of it, in commands of bounded size whose confirmations are
// compared with what was asked.
type feed struct {
	env    environment
	report func(*Error)
	// restored is called when a new connection has everything confirmed.
	restored func()

	mu        sync.Mutex
	names     [len(verbs)]map[string]*interest
	line      []*interest // in line for a command
	sent      []*command  // whose confirmations are due, in order
	restoring int         // names that were wanted before the connection began, and are not confirmed yet
	refusals  int         // names that Redis refuses
	conn      *conn
	begun     int    // changes whenever conn does
	dropped   error  // why we have ended the connection
	hint      string // where a slot has moved to
	ready     bool   // everything was confirmed once
	hasty     bool   // reads have a deadline
	ended     bool

	wake chan struct{} // there is something to say

	heard atomic.Uint64 // events
	busy  atomic.Bool   // a handler runs
}

func newFeed(env environment, report func(*Error), restored func()) *feed {
	f := &feed{env: env, report: report, restored: restored, wake: make(chan struct{}, 1)}
	for k := range f.names {
		f.names[k] = map[string]*interest{}
	}
	return f
}

// want subscribes to a name, or gives a name that is wanted another handler.
func (f *feed) want(k kind, wire, name string, h Handler) *interest {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ended {
		return &interest{}
	}
	i := f.names[k][wire]
	if i == nil {
		i = &interest{kind: k, wire: wire, name: name}
		f.names[k][wire] = i
	}
	i.handler = h
	if !i.wanted {
		i.wanted = true
		f.env.metrics.wanted.Inc()
		i.announce()
		f.changed(i)
	}
	return i
}

// forget ends what want has begun.
func (f *feed) forget(k kind, wire string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := f.names[k][wire]
	if i == nil || !i.wanted {
		return
	}
	i.wanted, i.handler = false, nil
	f.env.metrics.wanted.Dec()
	f.settle(i)
	f.unrefuse(i)
	i.announce()
	f.changed(i)
}

// changed puts a name in line, or drops one of which Redis knows nothing. f.mu
// is held.
func (f *feed) changed(i *interest) {
	if f.conn != nil && i.due() {
		f.enqueue(i)
		signal(f.wake)
	}
	f.dispose(i)
}

// run keeps a connection until ctx ends.
func (f *feed) run(ctx context.Context) {
	var pause backoff
	for ctx.Err() == nil {
		c, err := f.dial(ctx)
		if err != nil {
			f.unreachable(ctx, err)
			pause.wait(ctx)
			continue
		}
		began := time.Now()
		f.begin(c)
		err = f.serve(ctx, c)
		worked := f.lost(ctx, err)
		pause.between(ctx, began, worked)
	}
	f.end()
}

func (f *feed) dial(ctx context.Context) (*conn, error) {
	f.mu.Lock()
	address := f.hint
	f.hint = ""
	f.mu.Unlock()
	return f.env.connect(ctx, address)
}

func (f *feed) unreachable(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	why := failure("connect", err, CauseConnect)
	f.env.metrics.failed(why.Cause)
	f.report(why)
}

// begin puts everything in line that is wanted.
func (f *feed) begin(c *conn) {
	f.env.log.Debug("connected for listening", slog.String("address", c.address))
	f.mu.Lock()
	defer f.mu.Unlock()
	f.conn = c
	f.begun++
	for _, names := range f.names {
		for _, i := range names {
			i.restoring = true
			f.restoring++
			f.enqueue(i)
		}
	}
	signal(f.wake)
}

// lost forgets what the connection knew. worked says that it had everything
// confirmed.
func (f *feed) lost(ctx context.Context, err error) (worked bool) {
	f.mu.Lock()
	if f.dropped != nil {
		err = f.dropped
	}
	worked, f.dropped = f.ready, nil
	f.begun++
	f.hint, _ = movedTo(err)
	f.conn, f.ready, f.hasty, f.line, f.sent, f.restoring = nil, false, false, nil, nil, 0
	for _, names := range f.names {
		for _, i := range names {
			if i.confirmed {
				f.env.metrics.confirmed.Dec()
			}
			f.unrefuse(i)
			i.asked, i.confirmed, i.restoring, i.queued, i.alone, i.pending = false, false, false, false, false, 0
			f.dispose(i)
		}
	}
	f.mu.Unlock()
	if ctx.Err() != nil {
		return worked
	}
	why := failure("subscribe", err, CauseConnection)
	f.env.metrics.failed(why.Cause)
	f.env.metrics.reconnects.WithLabelValues("subscribe").Inc()
	if why.Cause == CauseMoved {
		f.env.stale(ctx)
	}
	f.report(why)
	return worked
}

// end lets go of those who wait.
func (f *feed) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = true
	for _, names := range f.names {
		for _, i := range names {
			if i.wanted {
				f.env.metrics.wanted.Dec()
			}
			i.wanted = false
			i.announce()
		}
		clear(names)
	}
}

// drop ends the connection, whose server is the wrong one.
func (f *feed) drop(why error) {
	f.mu.Lock()
	c := f.conn
	if c != nil {
		f.dropped = why
	}
	f.mu.Unlock()
	if c != nil {
		c.Close()
	}
}

// state says where the feed listens, and whether everything is confirmed.
func (f *feed) state() (address string, ready bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.conn == nil {
		return "", false
	}
	f.ready = f.ready || f.restoring == 0 // what was missing may have been forgotten
	return f.conn.address, f.ready
}

// generation changes whenever the connection does.
func (f *feed) generation() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.begun
}

func (f *feed) serve(ctx context.Context, c *conn) error {
	group, ctx := errgroup.WithContext(ctx)
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	group.Go(func() error { return f.write(ctx, c) })
	group.Go(func() error { return f.read(c) })
	err := group.Wait()
	c.Close()
	return err
}

// write sends commands while names are in line.
func (f *feed) write(ctx context.Context, c *conn) error {
	for {
		next := f.ask(c)
		if next == nil {
			select {
			case <-f.wake:
				continue
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if err := c.SetWriteDeadline(time.Now().Add(f.env.cfg.CallTimeout)); err != nil {
			return err
		}
		if _, err := c.Write(next.bytes()); err != nil {
			return err
		}
	}
}

// ask returns the next command. Its answer is due from now on.
func (f *feed) ask(c *conn) *command {
	f.mu.Lock()
	defer f.mu.Unlock()
	idle := len(f.sent) == 0
	next := f.next()
	if idle && next != nil {
		f.expect(c)
	}
	return next
}

// expect gives the server some time to say something. f.mu is held.
func (f *feed) expect(c *conn) {
	f.hasty = true
	_ = c.SetReadDeadline(time.Now().Add(f.env.cfg.CallTimeout)) // who reads finds out
}

// patience sets the deadline for what is read next. While confirmations are due
// something has to come; when none are, a silent server may be a healthy one,
// and the probe has to find out. The time in which a handler ran does not
// count.
func (f *feed) patience(c *conn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case len(f.sent) > 0:
		f.expect(c)
	case f.hasty:
		_ = c.SetReadDeadline(time.Time{}) // who reads finds out
		f.hasty = false
	}
}

// read hands out what comes. While a handler runs nothing is read: the rest
// waits in the buffers of TCP, and then of Redis.
func (f *feed) read(c *conn) error {
	for {
		f.patience(c)
		e, err := c.in.event()
		if err != nil {
			return err
		}
		f.heard.Add(1)
		switch e.kind {
		case "message":
			f.deliver(plain, e.channel, e)
		case "smessage":
			f.deliver(sharded, e.channel, e)
		case "pmessage":
			f.deliver(pattern, e.pattern, e)
		default:
			if err := f.answer(e); err != nil {
				return err
			}
		}
	}
}

// deliver calls the handler of a name.
func (f *feed) deliver(k kind, name []byte, e event) {
	if e.large {
		f.env.metrics.failed(CauseTooLarge)
		return
	}
	f.mu.Lock()
	i := f.names[k][string(name)]
	var h Handler
	if i != nil {
		h = i.handler
	}
	f.mu.Unlock()
	if h == nil {
		return // it is not wanted any more
	}
	f.env.metrics.received.Inc()
	f.env.metrics.receivedBytes.Add(float64(len(e.payload)))
	channel := i.name
	if k == pattern {
		channel = string(e.channel)
	}
	f.busy.Store(true)
	h(channel, e.payload)
	f.busy.Store(false)
}

// answer compares a confirmation, or an error, with what was asked.
func (f *feed) answer(e event) error {
	f.mu.Lock()
	restored, err := f.answered(e)
	f.mu.Unlock()
	signal(f.wake)
	if restored {
		f.restored()
	}
	return err
}

// answered reports whether everything is confirmed now that was wanted when
// the connection began. f.mu is held.
func (f *feed) answered(e event) (restored bool, err error) {
	if len(f.sent) == 0 {
		return false, f.unasked(e)
	}
	c := f.sent[0]
	switch {
	case e.err != nil:
		err = f.refuse(c, e.err)
	case e.kind != c.verb() || string(e.channel) != c.items[c.confirmed].wire:
		return false, f.unasked(e)
	default:
		f.confirm(c, c.items[c.confirmed])
		c.confirmed++
	}
	if e.err != nil || c.confirmed == len(c.items) {
		f.sent[0] = nil
		f.sent = f.sent[1:]
	}
	if err == nil && !f.ready && f.restoring == 0 {
		f.ready = true
		return true, nil
	}
	return false, err
}

// unasked is what Redis says of its own accord: in a Cluster it ends the
// subscriptions of slots that it gives away.
func (f *feed) unasked(e event) error {
	if e.kind == verbs[sharded].unsubscribe {
		return errMoved
	}
	if e.err != nil {
		return e.err // for example that it has too many clients
	}
	return fmt.Errorf("%w: a confirmation that nobody has asked for", errProtocol)
}

// confirm notes that Redis has done what it was asked. f.mu is held.
func (f *feed) confirm(c *command, i *interest) {
	i.pending--
	if i.confirmed != c.subscribe {
		i.confirmed = c.subscribe
		if c.subscribe {
			f.env.metrics.confirmed.Inc()
		} else {
			f.env.metrics.confirmed.Dec()
		}
	}
	f.settle(i)
	i.announce()
	f.dispose(i)
}

// settle notes that a name does not keep a new connection from being ready.
// f.mu is held.
func (f *feed) settle(i *interest) {
	if i.restoring {
		i.restoring = false
		f.restoring--
	}
}

// refuse handles the error that a command was answered with. What the ACL
// denies may be one name of many, so each is asked for alone before it counts
// as refused. f.mu is held.
func (f *feed) refuse(c *command, err error) error {
	if because(err, CauseRefused) != CauseDenied || !c.subscribe {
		return err
	}
	for _, i := range c.items {
		i.asked = false
		i.pending--
		if len(c.items) > 1 {
			i.alone = true
			f.enqueue(i)
			continue
		}
		f.settle(i)
		if i.wanted {
			f.env.metrics.failed(CauseDenied)
			i.refused = true
			f.refusals++
			i.announce()
		}
		f.dispose(i)
	}
	return nil
}

// unrefuse lets a name be asked for again. f.mu is held.
func (f *feed) unrefuse(i *interest) {
	if i.refused {
		i.refused = false
		f.refusals--
	}
}

// retry asks again for what was refused.
func (f *feed) retry() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refusals == 0 || f.conn == nil {
		return
	}
	for _, names := range f.names {
		for _, i := range names {
			if i.refused {
				f.unrefuse(i)
				f.enqueue(i)
			}
		}
	}
	signal(f.wake)
}

// refused reports how many names Redis refuses, the shortest of them in words
// for people, and whether one is among them.
func (f *feed) refused(k kind, wire string) (n int, shortest string, one bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refusals > 0 {
		shortest = f.shortestRefused()
	}
	i := f.names[k][wire]
	return f.refusals, shortest, i != nil && i.refused
}

// shortestRefused is the name that tells the most: longer ones have names of rooms
// in them. f.mu is held.
func (f *feed) shortestRefused() string {
	var first *interest
	for _, names := range f.names {
		for _, i := range names {
			if i.refused && (first == nil || cmp.Or(cmp.Compare(len(i.wire), len(first.wire)), cmp.Compare(i.wire, first.wire)) < 0) {
				first = i
			}
		}
	}
	if first == nil {
		return ""
	}
	return verbs[first.kind].subscribe + " " + first.wire
}
