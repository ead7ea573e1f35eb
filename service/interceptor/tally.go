package interceptor

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/seed52a35d2d/realtime-server/authn/authority"
)

// outcome is what was decided about a request, as a label.
type outcome string

const (
	outcomeAllowed outcome = "allowed"
	outcomeDenied  outcome = "scope missing"
	outcomeLimited outcome = "rate limited"
	outcomeMissing outcome = "credentials missing"
	outcomeInvalid outcome = "credentials invalid"
)

// refusalPause is how long refusals of one kind are only counted after one was
// logged: whoever reaches the port can cause as many as it likes.
const refusalPause = time.Minute

// tally counts decisions and logs some of the refusals.
type tally struct {
	log     *slog.Logger
	decided *prometheus.CounterVec

	mu     sync.Mutex // stands alone
	silent map[outcome]*silence
}

// silence is what was not logged of one kind of refusals.
type silence struct {
	until  time.Time
	unsaid int
}

func newTally(log *slog.Logger, reg prometheus.Registerer) *tally {
	t := &tally{
		log: log,
		decided: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "realtime_api_requests_total",
			Help: "Requests of API callers, each message of a stream included, by what was decided about them.",
		}, []string{"caller", "outcome"}),
		silent: map[outcome]*silence{},
	}
	reg.MustRegister(t.decided)
	return t
}

func (t *tally) allowed(who []*authority.Caller) {
	for _, caller := range who {
		t.decided.WithLabelValues(caller.Name, string(outcomeAllowed)).Inc()
	}
}

// refused counts a refusal, and returns err.
func (t *tally) refused(ctx context.Context, method string, caller *authority.Caller, o outcome, err error) error {
	t.decided.WithLabelValues(caller.Name, string(o)).Inc()
	t.complain(ctx, o, err, slog.String("method", method), slog.String(string(caller.Kind), caller.Name))
	return err
}

// stranger is refused for somebody who cannot be told.
func (t *tally) stranger(ctx context.Context, method string, err error) error {
	o := outcomeInvalid
	if errors.Is(err, errCredentialsMissing) {
		o = outcomeMissing
	}
	t.decided.WithLabelValues("", string(o)).Inc()
	t.complain(ctx, o, err, slog.String("method", method))
	return err
}

func (t *tally) complain(ctx context.Context, o outcome, err error, of ...slog.Attr) {
	unsaid, due := t.due(o, time.Now())
	if !due {
		return
	}
	if from, ok := peer.FromContext(ctx); ok {
		of = append(of, slog.String("peer", from.Addr.String()))
	}
	t.log.LogAttrs(ctx, slog.LevelWarn, "API call refused", append(of,
		slog.String("outcome", string(o)),
		slog.String("error", status.Convert(err).Message()),
		slog.Int("others_since_last_line", unsaid))...)
}

func (t *tally) due(o outcome, now time.Time) (unsaid int, due bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.silent[o]
	if s == nil {
		s = &silence{}
		t.silent[o] = s
	}
	if now.Before(s.until) {
		s.unsaid++
		return 0, false
	}
	unsaid, s.unsaid, s.until = s.unsaid, 0, now.Add(refusalPause)
	return unsaid, true
}
