package service_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed52a35d2d/realtime-server/authn"
	"github.com/seed52a35d2d/realtime-server/service"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// lasting lets in ada, whose credential lasts so long, on virtual time. Each
// refresh is as good as the first one, unless broken is set.
type lasting struct {
	lasts  time.Duration
	broken bool
}

func (l *lasting) Authenticate(context.Context, authn.Handshake) (authn.Identity, error) {
	if l.broken {
		return authn.Identity{}, authn.Broken("BACKEND_UNAVAILABLE", context.DeadlineExceeded)
	}
	return authn.Identity{User: "ada", ExpiresAt: time.Now().Add(l.lasts)}, nil
}

// at reads the next message and checks when it comes.
func (b *browser) at(begun time.Time, after time.Duration, prefix string) {
	b.t.Helper()
	got, _ := b.read()
	if now := time.Since(begun); now.Round(time.Second) != after || !strings.HasPrefix(got, prefix) {
		b.t.Fatalf("after %v got %q, want %q after %v", now, got, prefix, after)
	}
}

// slowly plays a test on virtual time.
func slowly(t *testing.T, policy service.Policy, play func(w *world, b *browser, begun time.Time)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, policy, func(cfg *sio.Config) { cfg.Engine.PingInterval = time.Hour })
		begun := time.Now()
		b, _ := join(t, w.door, "")
		b.patience = time.Hour
		play(w, b, begun)
		w.close()
	})
}

func TestGraceAfterTheEnd(t *testing.T) {
	slowly(t, service.Policy{
		Authenticator: &lasting{lasts: time.Minute},
		Expiry:        service.Expiry{Grace: 30 * time.Second},
	}, func(w *world, b *browser, begun time.Time) {
		b.at(begun, 90*time.Second, "\x03")
		if n := w.counter(b.t, "realtime_gateway_connections_expired_total", "/"); n != 1 {
			b.t.Errorf("%v counted", n)
		}
	})
}

func TestWarningBeforeTheEnd(t *testing.T) {
	for name, test := range map[string]struct {
		warn  time.Duration
		after time.Duration
		event string
	}{
		"in time":               {20 * time.Second, 40 * time.Second, ""},
		"not in the first half": {time.Hour, 30 * time.Second, ""},
		"by a name of its own":  {20 * time.Second, 40 * time.Second, "soon"},
		"a second before":       {time.Second, 59 * time.Second, ""},
	} {
		t.Run(name, func(t *testing.T) {
			slowly(t, service.Policy{
				Authenticator: &lasting{lasts: time.Minute},
				Expiry:        service.Expiry{Warn: test.warn, Event: test.event},
			}, func(w *world, b *browser, begun time.Time) {
				event := test.event
				if event == "" {
					event = "token_expiring"
				}
				b.at(begun, test.after, `42["`+event+`",{"expires_at":"2000-01-01T00:01:00.000Z"}]`) // by virtual time
				b.at(begun, time.Minute, "\x03")
				if n := w.counter(b.t, "realtime_gateway_expiry_warnings_total", "/"); n != 1 {
					b.t.Errorf("%v counted", n)
				}
			})
		})
	}
}

// TestRefreshPutsOffTheEnd: each refresh brings a warning and an end of its own.
func TestRefreshPutsOffTheEnd(t *testing.T) {
	slowly(t, service.Policy{
		Authenticator: &lasting{lasts: time.Minute},
		Expiry:        service.Expiry{Warn: 20 * time.Second, Grace: 10 * time.Second},
		Refresh:       service.Refresh{Event: "refresh"},
	}, func(_ *world, b *browser, begun time.Time) {
		after := time.Duration(0)
		for range 4 {
			after += 40 * time.Second
			b.at(begun, after, `42["token_expiring",`)
			b.send(`427["refresh",{}]`)
			b.at(begun, after, `437[{"expires_at":"`)
		}
		b.at(begun, after+40*time.Second, `42["token_expiring",`)
		b.at(begun, after+70*time.Second, "\x03")
	})
}

// TestBackendAwayUntilTheGraceIsOver: attempts to refresh put nothing off.
func TestBackendAwayUntilTheGraceIsOver(t *testing.T) {
	who := &lasting{lasts: time.Minute}
	slowly(t, service.Policy{
		Authenticator: who,
		Expiry:        service.Expiry{Warn: 20 * time.Second, Grace: 30 * time.Second},
		Refresh:       service.Refresh{Event: "refresh"},
	}, func(_ *world, b *browser, begun time.Time) {
		b.at(begun, 40*time.Second, `42["token_expiring",`)
		who.broken = true
		for after := 40 * time.Second; after < 90*time.Second; after += 10 * time.Second {
			time.Sleep(time.Until(begun.Add(after)))
			b.send(`427["refresh",{}]`)
			b.at(begun, after, `437[{"error":{"code":"BACKEND_UNAVAILABLE","reason":"Authentication is unavailable","temporary":true}}]`)
		}
		b.at(begun, 90*time.Second, "\x03")
	})
}

// TestRefreshAtTheLastMoment: what was to come with the old credential does not
// come with the new one.
func TestRefreshAtTheLastMoment(t *testing.T) {
	slowly(t, service.Policy{
		Authenticator: &lasting{lasts: time.Minute},
		Expiry:        service.Expiry{Grace: time.Second},
		Refresh:       service.Refresh{Event: "refresh"},
	}, func(w *world, b *browser, begun time.Time) {
		time.Sleep(time.Until(begun.Add(60*time.Second + 900*time.Millisecond)))
		b.send(`427["refresh",{}]`)
		b.at(begun, 61*time.Second, `437[{"expires_at":"2000-01-01T00:02:00.900Z"}]`)
		b.at(begun, 122*time.Second, "\x03")
		if n := w.counter(b.t, "realtime_gateway_connections_expired_total", "/"); n != 1 {
			b.t.Errorf("%v counted", n)
		}
	})
}
