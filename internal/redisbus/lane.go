package redisbus

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// maxBatch is how many bytes of commands are written at once.
	maxBatch = 64 << 10
	// maxFlights is how many batches may be without their answers. What comes
	// meanwhile leaves together: under load that makes fewer and larger writes,
	// here and at Redis, and costs a message one way there and back at most.
	maxFlights = 2
	// maxMoves is how often a command follows a slot that moves.
	maxMoves = 5
)

// lane publishes, over one connection, in order. Commands are written at once as
// long as few are without an answer, and otherwise together with others, in
// batches. A command is never sent twice, unless Redis has said that it did
// nothing.
type lane struct {
	env    environment
	limit  int // bytes that may wait; the last message may exceed it, or a small limit would exclude large ones
	report func(*Error)

	mu      sync.Mutex
	waiting queue
	sent    []*call // in order; their answers are due
	flights int     // batches among them
	moved   []*call // Redis has said that it did nothing
	bytes   int     // of all of them
	conn    *conn   // nil while there is none
	dropped error   // why we have ended it
	down    *Error  // why there is none, once an attempt has failed
	hint    string  // where a slot has moved to
	ended   bool

	wake chan struct{} // something waits
}

func newLane(env environment, limit int, report func(*Error)) *lane {
	return &lane{
		env: env, limit: limit, report: report,
		wake: make(chan struct{}, 1),
	}
}

// do sends a command and waits for its answer, until ctx ends or the timeout of
// calls is over. command must not change any more.
func (l *lane) do(ctx context.Context, op string, command []byte) (reply, error) {
	if err := ctx.Err(); err != nil {
		return reply{}, failure(op, context.Cause(ctx), CauseTimeout)
	}
	ctx, cancel := context.WithTimeout(ctx, l.env.cfg.CallTimeout)
	defer cancel()
	c := &call{command: command, done: make(chan struct{})}
	if err := l.add(c); err != nil {
		return reply{}, &Error{op, err.Cause, err.Err}
	}
	select {
	case <-c.done:
	case <-ctx.Done():
		if l.abandon(c) {
			return reply{}, failure(op, context.Cause(ctx), CauseTimeout)
		}
	}
	switch {
	case c.err != nil:
		return reply{}, failure(op, c.err, CauseConnection)
	case c.answer.err != nil:
		return reply{}, failure(op, c.answer.err, CauseRefused)
	}
	return c.answer, nil
}

// add queues a command, or says at once that there is no use.
func (l *lane) add(c *call) *Error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.ended:
		return &Error{Cause: CauseClosed}
	case l.down != nil:
		return l.down
	case len(c.command) > maxBulk:
		return &Error{Cause: CauseTooLarge} // who listens would not take it
	case l.bytes >= l.limit:
		return &Error{Cause: CauseOverloaded}
	}
	l.bytes += len(c.command)
	l.waiting.pushBack(c)
	signal(l.wake)
	return nil
}

// abandon gives a command up, for whom nobody waits any more. It reports false
// if it has its answer.
func (l *lane) abandon(c *call) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.finished {
		return false
	}
	c.finished = true
	if l.waiting.remove(c) {
		l.bytes -= len(c.command)
	}
	return true
}

// finish gives a command its end. l.mu is held, and the command is in no list
// any more.
func (l *lane) finish(c *call, answer reply, err error) {
	l.bytes -= len(c.command)
	if c.finished {
		return
	}
	c.finished, c.answer, c.err = true, answer, err
	close(c.done)
}

// run keeps a connection until ctx ends.
func (l *lane) run(ctx context.Context) {
	var pause backoff
	for ctx.Err() == nil {
		c, err := l.dial(ctx)
		if err != nil {
			l.unreachable(ctx, err)
			pause.wait(ctx)
			continue
		}
		began := time.Now()
		l.attach(c)
		worked, err := l.serve(ctx, c)
		l.lost(ctx, err)
		pause.between(ctx, began, worked)
	}
	l.end()
}

func (l *lane) dial(ctx context.Context) (*conn, error) {
	l.mu.Lock()
	address := l.hint
	l.hint = ""
	l.mu.Unlock()
	return l.env.connect(ctx, address)
}

func (l *lane) attach(c *conn) {
	l.env.log.Debug("connected for publishing", slog.String("address", c.address))
	l.mu.Lock()
	l.conn, l.down = c, nil
	l.mu.Unlock()
	l.report(nil)
}

// unreachable fails what waits: it could wait for long.
func (l *lane) unreachable(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	down := failure("connect", err, CauseConnect)
	l.env.metrics.failed(down.Cause)
	l.mu.Lock()
	l.down = down
	l.failAll(&l.waiting, down)
	l.mu.Unlock()
	l.report(down)
}

// lost fails what was sent: nobody knows whether it arrived. What was not sent
// waits for the next connection, and so does what Redis did nothing about.
func (l *lane) lost(ctx context.Context, err error) {
	closed := ctx.Err() != nil
	l.mu.Lock()
	if l.dropped != nil {
		err = l.dropped
	}
	why := failure("publish", err, CauseConnection)
	l.conn, l.dropped = nil, nil
	for _, c := range l.sent {
		l.finish(c, reply{}, why)
	}
	l.sent, l.flights = l.sent[:0], 0
	for _, c := range slices.Backward(l.moved) {
		l.waiting.pushFront(c)
	}
	l.moved = nil
	l.mu.Unlock()
	if closed {
		return
	}
	l.env.metrics.failed(why.Cause)
	l.env.metrics.reconnects.WithLabelValues("publish").Inc()
	if why.Cause == CauseMoved {
		l.env.stale(ctx)
	}
	l.report(why)
}

func (l *lane) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	l.failAll(&l.waiting, &Error{Op: "publish", Cause: CauseClosed})
}

// failAll empties a queue. l.mu is held.
func (l *lane) failAll(q *queue, why *Error) {
	for c := q.popFront(); c != nil; c = q.popFront() {
		l.finish(c, reply{}, why)
	}
}

// drop ends the connection, whose server is the wrong one.
func (l *lane) drop(why error) {
	l.mu.Lock()
	c := l.conn
	if c != nil {
		l.dropped = why
	}
	l.mu.Unlock()
	if c != nil {
		c.Close()
	}
}

// address is where the lane publishes to, or empty.
func (l *lane) address() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn == nil {
		return ""
	}
	return l.conn.address
}

// serve writes and reads until one of the two fails. worked says that there
// was an answer.
func (l *lane) serve(ctx context.Context, c *conn) (worked bool, err error) {
	group, ctx := errgroup.WithContext(ctx)
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	group.Go(func() error { return l.write(ctx, c) })
	group.Go(func() error {
		for {
			if err := l.read(c); err != nil {
				return err
			}
			worked = true
		}
	})
	err = group.Wait()
	c.Close()
	return worked, err
}

// write writes what waits, much of it at once.
func (l *lane) write(ctx context.Context, c *conn) error {
	var batch []*call
	var text []byte
	for {
		batch = l.take(c, batch[:0])
		if len(batch) == 0 {
			select {
			case <-l.wake:
				continue
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		text = text[:0]
		for _, one := range batch {
			text = append(text, one.command...)
		}
		if err := c.SetWriteDeadline(time.Now().Add(l.env.cfg.CallTimeout)); err != nil {
			return err
		}
		if _, err := c.Write(text); err != nil {
			return err
		}
		if cap(text) > 4*maxBatch {
			text = nil // grown by a large message
		}
	}
}

// take moves what is to be written next to what was sent.
func (l *lane) take(c *conn, batch []*call) []*call {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.moved) > 0 || l.flights == maxFlights {
		return batch // what was moved goes elsewhere, before all that waits
	}
	for size := 0; size < maxBatch; {
		one := l.waiting.popFront()
		if one == nil {
			break
		}
		if one.finished {
			l.bytes -= len(one.command)
			continue
		}
		size += len(one.command)
		batch = append(batch, one)
	}
	if len(l.sent) == 0 && len(batch) > 0 {
		_ = c.SetReadDeadline(time.Now().Add(l.env.cfg.CallTimeout)) // the reader finds out
	}
	if len(batch) > 0 {
		batch[len(batch)-1].lands = true
		l.flights++
	}
	l.sent = append(l.sent, batch...)
	return batch
}

// read reads one answer and gives it to who waits for it. Redis answers in
// order.
func (l *lane) read(c *conn) error {
	answer, err := c.in.reply()
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.sent) == 0 {
		return errors.Join(errProtocol, answer.err) // for example that it has too many clients
	}
	one := l.sent[0]
	l.sent[0] = nil
	l.sent = l.sent[1:]
	if one.lands {
		one.lands = false
		l.flights--
		signal(l.wake)
	}
	if to, moved := movedTo(answer.err); moved && one.moves < maxMoves {
		one.moves++
		l.moved = append(l.moved, one)
		l.hint = to
	} else {
		l.finish(one, answer, nil)
	}
	if len(l.sent) == 0 {
		l.sent = nil
		if len(l.moved) > 0 {
			return errMoved
		}
		return c.SetReadDeadline(time.Time{})
	}
	if !c.in.more() {
		return c.SetReadDeadline(time.Now().Add(l.env.cfg.CallTimeout))
	}
	return nil
}

// movedTo reads "MOVED slot host:port". A server that does not know the host
// leaves it out; then the Cluster has to be asked.
func movedTo(err error) (address string, moved bool) {
	var answer replyError
	if !errors.As(err, &answer) || answer.word() != "MOVED" {
		return "", false
	}
	words := strings.Fields(string(answer))
	if len(words) != 3 || strings.HasPrefix(words[2], ":") || strings.HasPrefix(words[2], "?") {
		return "", true
	}
	return words[2], true
}
