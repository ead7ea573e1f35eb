package sio

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
)

// task is one thing to be done for a socket.
type task interface {
	do(ctx context.Context, s *Socket)
}

// inbox holds what is to be done for a socket, one thing after another. It is
// guarded by the socket's lock.
type inbox struct {
	tasks []task
	// busy says that a worker has the socket, or is about to.
	busy bool
	// slot keeps a short queue off the heap.
	slot [1]task
}

// post adds a task; the socket's lock is held. Where employ is true, the
// caller must call workers.employ without it.
func (s *Socket) post(t task) (employ bool) {
	if len(s.inbox.tasks) == 0 {
		s.inbox.tasks = s.inbox.slot[:0]
	}
	s.inbox.tasks = append(s.inbox.tasks, t)
	if s.inbox.busy {
		return false
	}
	s.inbox.busy = true
	s.conn.server.wg.Add(1)
	return true
}

// work does the tasks of a socket until there are none.
func (s *Socket) work() {
	server := s.conn.server
	defer server.wg.Done()
	for t := s.next(); t != nil; t = s.next() {
		if p := guard(func() { t.do(server.ctx, s) }); p != nil {
			server.logPanic(p)
		}
	}
}

func (s *Socket) next() task {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.inbox.tasks) == 0 {
		s.inbox = inbox{}
		return nil
	}
	t := s.inbox.tasks[0]
	s.inbox.tasks[0] = nil
	s.inbox.tasks = s.inbox.tasks[1:]
	return t
}

// panicked is a panic of the Handler.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprint("panic: ", p.value) }

// guard calls the Handler and turns its panic into an error, so that one
// client's event cannot end the process.
func guard(call func()) (p *panicked) {
	defer func() {
		if v := recover(); v != nil {
			p = &panicked{v, debug.Stack()}
		}
	}()
	call()
	return nil
}

func (s *Server) logPanic(p *panicked) {
	s.metrics.panics.Inc()
	s.log.LogAttrs(s.ctx, slog.LevelError, "handler panicked", slog.Any("error", p), slog.String("stack", string(p.stack)))
}
