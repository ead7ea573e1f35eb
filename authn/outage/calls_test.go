package outage_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed52a35d2d/realtime-server/authn"
	"github.com/seed52a35d2d/realtime-server/authn/outage"
)

// slow answers after a second, or when it is given up.
func slow(ctx context.Context, h authn.Handshake) (authn.Identity, error) {
	select {
	case <-time.After(time.Second):
		return authn.Identity{User: string(h.Claims.Auth), Rooms: []string{"a"}}, nil
	case <-ctx.Done():
		return authn.Identity{}, authn.Broken("BACKEND_UNAVAILABLE", ctx.Err())
	}
}

func TestThoseAlikeShareOneQuestion(t *testing.T) {
	const crowd = 200
	for _, test := range []struct {
		name      string
		coalesce  bool
		token     func(i int) string
		questions int
	}{
		{"one credential", true, func(int) string { return "a" }, 1},
		{"as many credentials", true, func(i int) string { return fmt.Sprint(i) }, crowd},
		{"not allowed to", false, func(int) string { return "a" }, crowd},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newShelter(t, outage.Config{Coalesce: test.coalesce})
				s.desk.answer = slow
				var all sync.WaitGroup
				for i := range crowd {
					all.Go(func() {
						h := with(test.token(i))
						h.ConnectionID = fmt.Sprint("connection ", i)
						identity, err := s.Authenticate(t.Context(), h)
						if err != nil || identity.User != string(h.Claims.Auth) || identity.Rooms[0] != "a" {
							t.Errorf("client %d: %+v, %v", i, identity, err)
							return
						}
						identity.Rooms[0] = "x" // is its own
					})
				}
				all.Wait()
				if n := s.desk.questions(); n != test.questions {
					t.Errorf("asked %d times, want %d", n, test.questions)
				}
				if n := s.metric(t, "coalesced_total", "/"); n != float64(crowd-test.questions) {
					t.Errorf("%v counted as coalesced", n)
				}
			})
		})
	}
}

func TestNobodyJoinsWhatIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelter(t, outage.Config{Coalesce: true})
		s.desk.answer = slow
		for n := range 3 {
			if _, err := s.Authenticate(t.Context(), with("a")); err != nil || s.desk.questions() != n+1 {
				t.Fatalf("asked %d times: %v", s.desk.questions(), err)
			}
		}
	})
}

func TestRefusalIsSharedToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelter(t, outage.Config{Coalesce: true, Policy: outage.Stale})
		s.desk.answer = func(context.Context, authn.Handshake) (authn.Identity, error) {
			time.Sleep(time.Second)
			return authn.Identity{}, errRefused
		}
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() { wantRefusal(t, s, with("a"), "NO", false) })
		}
		all.Wait()
		if s.desk.questions() != 1 {
			t.Errorf("asked %d times", s.desk.questions())
		}
	})
}

// TestWhoLeavesTakesNothing has the client that has asked leave first.
func TestWhoLeavesTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelter(t, outage.Config{Coalesce: true})
		s.desk.answer = slow
		first, leave := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := s.Authenticate(first, with("a")); !errors.Is(err, context.Canceled) {
				t.Errorf("who left got %v", err)
			}
		})
		synctest.Wait()
		all.Go(func() { wantUser(t, s, with("a"), `{"token":"a"}`) })
		synctest.Wait()
		leave()
		all.Wait()
		if s.desk.questions() != 1 {
			t.Errorf("asked %d times", s.desk.questions())
		}
	})
}

func TestLastToLeaveEndsTheQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelter(t, outage.Config{Coalesce: true})
		ended := make(chan error, 1)
		s.desk.answer = func(ctx context.Context, _ authn.Handshake) (authn.Identity, error) {
			<-ctx.Done()
			ended <- ctx.Err()
			time.Sleep(time.Minute) // a call takes its time to end
			return authn.Identity{}, errAway
		}
		ctx, leave := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() { _, _ = s.Authenticate(ctx, with("a")) })
		}
		synctest.Wait()
		leave()
		all.Wait()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
		s.desk.says(authn.Identity{User: "ada"}, nil)
		wantUser(t, s, with("a"), "ada") // by a question of its own
		begin := time.Now()
		s.Close()
		if time.Since(begin) != time.Minute {
			t.Errorf("Close has waited %v", time.Since(begin))
		}
	})
}

func TestPanicKeepsOutWhoSharedIt(t *testing.T) {
	s := newShelter(t, outage.Config{Coalesce: true, Policy: outage.Anonymous})
	s.desk.answer = func(context.Context, authn.Handshake) (authn.Identity, error) { panic("as the test wants it") }
	_, err := s.Authenticate(t.Context(), with("a"))
	if err == nil || !strings.Contains(err.Error(), "as the test wants it") || !strings.Contains(err.Error(), "calls_test.go") {
		t.Errorf("got %v", err)
	}
}

// TestForgetPartsWhatIsUnderWay is about a user that is revoked while it is being
// asked about.
func TestForgetPartsWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelter(t, outage.Config{Coalesce: true, Policy: outage.Stale})
		s.desk.answer = slow
		var all sync.WaitGroup
		all.Go(func() { wantUser(t, s, with("a"), `{"token":"a"}`) })
		synctest.Wait()
		s.Forget("somebody", "")
		s.desk.says(authn.Identity{}, errAway)
		wantRefusal(t, s, with("a"), "BACKEND_UNAVAILABLE", false) // has asked for itself
		all.Wait()
		wantRefusal(t, s, with("a"), "BACKEND_UNAVAILABLE", false) // and nothing is remembered
	})
}
