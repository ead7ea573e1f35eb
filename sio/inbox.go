package sio

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
)

// inbox holds what is to be done for a socket, one thing after another. It is
// guarded by the socket's lock. A goroutine lives while there is something.
type inbox struct {
	tasks []func(ctx context.Context)
	busy  bool
}

// post adds a task; the socket's lock is held.
func (s *Socket) post(task func(ctx context.Context)) {
	s.inbox.tasks = append(s.inbox.tasks, task)
	if !s.inbox.busy {
		s.inbox.busy = true
		s.conn.server.wg.Add(1)
		go s.work()
	}
}

// work does tasks until there are none.
func (s *Socket) work() {
	server := s.conn.server
	defer server.wg.Done()
	for task := s.next(); task != nil; task = s.next() {
		if err := guard(server.ctx, task); err != nil {
			server.logPanic(err)
		}
	}
}

func (s *Socket) next() func(context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.inbox.tasks) == 0 {
		s.inbox = inbox{}
		return nil
	}
	task := s.inbox.tasks[0]
	s.inbox.tasks[0] = nil
	s.inbox.tasks = s.inbox.tasks[1:]
	return task
}

// panicked is a panic of the Handler.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprint("panic: ", p.value) }

// guard runs a task and turns its panic into an error, so that one client's
// event cannot end the process.
func guard(ctx context.Context, task func(context.Context)) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicked{v, debug.Stack()}
		}
	}()
	task(ctx)
	return nil
}

func (s *Server) logPanic(err error) {
	s.metrics.panics.Inc()
	attrs := []slog.Attr{slog.Any("error", err)}
	if p, ok := err.(*panicked); ok { //nolint:errorlint // guard returns nothing else
		attrs = append(attrs, slog.String("stack", string(p.stack)))
	}
	s.log.LogAttrs(s.ctx, slog.LevelError, "handler panicked", attrs...)
}
