package service_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/codes"

	"github.com/seed52a35d2d/realtime-server/authn/callback"
	"github.com/seed52a35d2d/realtime-server/authn/outage"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/internal/backend"
	"github.com/seed52a35d2d/realtime-server/internal/testlog"
	"github.com/seed52a35d2d/realtime-server/service"
	"github.com/seed52a35d2d/realtime-server/sio"
	"github.com/seed52a35d2d/realtime-server/sio/siotest"
)

// absent is a backend that goes away and comes back.
type absent struct{ away atomic.Bool }

func (b *absent) Authenticate(_ context.Context, req *realtimev1.AuthenticateRequest) (*realtimev1.AuthenticateResponse, error) {
	if b.away.Load() {
		return nil, &backend.Error{Method: "Authenticate", Code: codes.Unavailable, Message: "connection refused"}
	}
	user := strings.Trim(req.GetHandshake().GetClaims().GetAuthJson(), `{"user:}`)
	return &realtimev1.AuthenticateResponse{Result: &realtimev1.AuthenticateResponse_Accept{
		Accept: &realtimev1.Accept{UserId: user},
	}}, nil
}

// comeIn is what a stock client does until it is in, or told that it is not: it comes
// back after the first step of its back-off.
func comeIn(t *testing.T, l *siotest.Listener, auth string) (answer string, times int) {
	t.Helper()
	for times = 1; ; times++ {
		b := open(t, l, "", nil)
		b.send("40" + auth)
		answer, op := b.read()
		if op != ws.OpClose {
			return answer, times
		}
		b.conn.Close()
		time.Sleep(time.Second/2 + rand.N(time.Second))
	}
}

// TestOutageOfAMinute is what becomes of everybody in each policy while the backend
// is away for a minute.
func TestOutageOfAMinute(t *testing.T) {
	for _, test := range []struct {
		policy, otherwise outage.Policy
		newcomer          string // `known` was here before
		answer            string // begins like this
		atOnce            bool   // or when the outage is over
	}{
		{outage.Refuse, "", "known", "44{", true},
		{outage.Close, "", "known", "40{", false},
		{outage.Stale, "", "known", "40{", true},
		{outage.Stale, "", "stranger", "44{", true},
		{outage.Stale, outage.Close, "known", "40{", true},
		{outage.Stale, outage.Close, "stranger", "40{", false},
		{outage.Anonymous, "", "stranger", "40{", true},
	} {
		t.Run(fmt.Sprint(test.policy, test.otherwise, " ", test.newcomer), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, asked := newSheltered(t, outage.Config{Policy: test.policy, Otherwise: test.otherwise})
				resident, _ := join(t, w.door, `{"user":"resident"}`)
				known, _ := join(t, w.door, `{"user":"known"}`)
				known.send("41")

				begin := time.Now()
				asked.away.Store(true)
				time.AfterFunc(time.Minute, func() { asked.away.Store(false) })
				answer, times := comeIn(t, w.door, `{"user":"`+test.newcomer+`"}`)
				took := time.Since(begin)
				if !strings.HasPrefix(answer, test.answer) || (took == 0) != test.atOnce {
					t.Errorf("told %s after %v", answer, took)
				}
				if took > time.Minute+6*time.Second || times > 60/2 {
					t.Errorf("has knocked %d times in %v", times, took)
				}
				if _, err := w.api.Broadcast(t.Context(), &realtimev1.BroadcastRequest{Event: event("still here")[0]}); err != nil {
					t.Fatal(err)
				}
				resident.want(`42["still here"`)

				time.Sleep(2*time.Minute - time.Since(begin))
				for range 2 {
					if answer, times := comeIn(t, w.door, `{"user":"later"}`); !strings.HasPrefix(answer, "40{") || times > 1 {
						t.Errorf("after the outage: %s, and %d knocks", answer, times)
					}
				}
				if began, ended := w.log.Count("policy decides"), w.log.Count("authenticated again"); began != 1 || ended != 1 {
					t.Errorf("logged %d and %d times", began, ended)
				}
			})
		})
	}
}

// newSheltered is a world whose backend may go away.
func newSheltered(t *testing.T, cfg outage.Config) (*world, *absent) {
	t.Helper()
	asked, log := &absent{}, &testlog.Log{}
	shelter := outage.New(outage.Params{
		Authenticator: callback.New(asked, maxRooms),
		Config:        cfg.WithDefaults(),
		Namespace:     "/",
		Log:           slog.New(slog.NewTextHandler(log, nil)),
		Metrics:       outage.NewMetrics(prometheus.NewRegistry()),
	})
	t.Cleanup(shelter.Close)
	w := newWorld(t, service.Policy{Authenticator: shelter}, func(cfg *sio.Config) { cfg.Engine.PingInterval = time.Hour })
	w.log = log
	return w, asked
}
