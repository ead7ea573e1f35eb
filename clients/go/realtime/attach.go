package realtime

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Attach serves the calls of realtime-server as [Serve] does, over a stream that
// it opens itself: for backends that cannot be dialled. The server's
// configuration names the group (`backend.attach`); all workers of a group share
// its calls.
//
// It attaches again, with growing pauses, whenever the stream ends, and on a
// connection of its own each time, so that a load balancer may choose another
// server. When ctx ends it takes no more calls, gives those in flight ten seconds,
// and returns nil. It returns an error if the server does not let it attach the
// first time, as without a right to, or to a group that does not exist; what comes
// later is logged.
func Attach(ctx context.Context, client *Client, group string, backend *Backend, opts ...AttachOption) error {
	if backend.Authenticate == nil {
		return errors.New("attach backend: Authenticate is nil, so no client could connect")
	}
	a := newAttacher(client, group, backend, opts)
	if err := a.run(ctx); err != nil {
		return fmt.Errorf("attach backend: %w", err)
	}
	return nil
}

// AttachOption changes how [Attach] serves.
type AttachOption func(*attacher)

// WithCredits says how many calls are served at once. The default is 256.
func WithCredits(n int) AttachOption {
	return func(a *attacher) { a.credits = n }
}

// WithWorkerName is what the server's log calls this process. The default is made
// of the host's name and the number of the process.
func WithWorkerName(name string) AttachOption {
	return func(a *attacher) { a.name = name }
}

// WithNamespaces takes only calls of these namespaces. A `*` stands for any
// characters.
func WithNamespaces(patterns ...string) AttachOption {
	return func(a *attacher) { a.namespaces = patterns }
}

// WithEvents takes only these events of clients; other workers of the group take
// the rest. A `*` stands for any characters. All other calls are taken as well.
func WithEvents(patterns ...string) AttachOption {
	return func(a *attacher) { a.events = patterns }
}

// defaultCredits is as many calls as the server makes at once by default.
const defaultCredits = 256

// attacher keeps a backend attached.
type attacher struct {
	client             *Client
	server             *backendServer
	log                *slog.Logger
	group, name        string
	namespaces, events []string
	credits            int
	// grace is how long calls in flight may take at the end; silence is after which
	// time without a word the server counts as gone.
	grace, silence time.Duration

	places   chan struct{}  // one for each call that is worked on, whatever its stream
	handlers sync.WaitGroup // these calls
}

func newAttacher(client *Client, group string, backend *Backend, opts []AttachOption) *attacher {
	host, _ := os.Hostname() // only a name for a log
	a := &attacher{
		client: client, server: &backendServer{backend: backend}, group: group,
		log:  backend.log().With(slog.String("group", group)),
		name: fmt.Sprintf("%s/%d", host, os.Getpid()), credits: defaultCredits,
		grace: stopGrace, silence: serverSilence,
	}
	for _, opt := range opts {
		opt(a)
	}
	a.places = make(chan struct{}, max(1, a.credits))
	return a
}

// run opens one stream after another until ctx ends. A stream whose server asks
// for that goes on beside the next one.
func (a *attacher) run(ctx context.Context) error {
	var streams sync.WaitGroup
	defer a.handlers.Wait()
	defer streams.Wait()
	attached, failures := false, 0
	for ctx.Err() == nil {
		s := newAttachment(a)
		ended := make(chan error, 1)
		streams.Go(func() { ended <- s.serve(ctx) })
		var err error
		select {
		case err = <-ended:
		case <-s.moved:
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case s.welcomed.Load():
			attached, failures = true, 0
			a.log.LogAttrs(ctx, slog.LevelInfo, "backend attaches again", slog.String("status", status.Convert(err).Message()))
		case !attached && refused(err):
			return err
		default:
			failures++
			a.log.LogAttrs(ctx, levelOf(failures), "backend cannot attach", slog.Any("error", err))
		}
		pause(ctx, failures)
	}
	return nil
}

// levelOf keeps a server that is away from filling the log.
func levelOf(failures int) slog.Level {
	if failures == 1 {
		return slog.LevelWarn
	}
	return slog.LevelDebug
}

// refused reports whether the same attempt would fail again.
func refused(err error) bool {
	switch status.Code(err) {
	case codes.Unauthenticated, codes.PermissionDenied, codes.InvalidArgument, codes.NotFound, codes.Unimplemented:
		return true
	default:
		return false
	}
}

// The pauses between two attempts.
const firstPause, lastPause = 100 * time.Millisecond, 5 * time.Second

// pause waits after so many failures. It differs from worker to worker, so that
// not all of them come back at once.
func pause(ctx context.Context, failures int) {
	d := lastPause
	if failures < 6 {
		d = min(d, firstPause<<failures)
	}
	timer := time.NewTimer(d/2 + rand.N(d/2)) //nolint:gosec // it is no secret
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
