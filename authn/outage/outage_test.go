package outage_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/seed52a35d2d/realtime-server/authn"
	"github.com/seed52a35d2d/realtime-server/authn/outage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// desk is the authenticator that is asked. It answers as the test says.
type desk struct {
	answer func(context.Context, authn.Handshake) (authn.Identity, error)

	mu    sync.Mutex
	asked int
}

func (d *desk) Authenticate(ctx context.Context, h authn.Handshake) (authn.Identity, error) {
	d.mu.Lock()
	d.asked++
	answer := d.answer
	d.mu.Unlock()
	return answer(ctx, h)
}

func (d *desk) questions() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.asked
}

// says changes the answer.
func (d *desk) says(identity authn.Identity, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.answer = func(context.Context, authn.Handshake) (authn.Identity, error) { return identity, err }
}

// temporary is an error of a backend that is away.
type temporary struct{}

func (temporary) Error() string   { return "nobody answers" }
func (temporary) Temporary() bool { return true }

var (
	errAway     = authn.Broken("BACKEND_UNAVAILABLE", temporary{})
	errNonsense = authn.Broken("BACKEND_INVALID_REPLY", errors.New("no result"))
	errRefused  = &authn.Refusal{Code: "NO", Message: "Not you"}
)

// shelter is an Authenticator before a desk, with its log and metrics.
type shelter struct {
	*outage.Authenticator

	desk    *desk
	log     *bytes.Buffer // read it while nobody asks
	metrics *prometheus.Registry
}

func newShelter(t *testing.T, cfg outage.Config) *shelter {
	t.Helper()
	cfg = cfg.WithDefaults()
	if err := cfg.Validate(10); err != nil {
		t.Fatal(err)
	}
	s := &shelter{desk: &desk{}, log: &bytes.Buffer{}, metrics: prometheus.NewRegistry()}
	s.Authenticator = outage.New(outage.Params{
		Authenticator: s.desk,
		Config:        cfg,
		Namespace:     "/",
		Log:           slog.New(slog.NewTextHandler(s.log, nil)),
		Metrics:       outage.NewMetrics(s.metrics),
	})
	t.Cleanup(s.Close)
	return s
}

// metric is the value of a metric with these labels, as they stand in the text
// format.
func (s *shelter) metric(t *testing.T, name string, labels ...string) float64 {
	t.Helper()
	families, err := s.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			var got []string
			for _, l := range m.GetLabel() {
				got = append(got, l.GetValue())
			}
			if family.GetName() == "realtime_outage_"+name && strings.Join(got, ",") == strings.Join(labels, ",") {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return 0
}

// with is the handshake of a client with a token.
func with(token string) authn.Handshake {
	return authn.Handshake{
		Namespace: "/",
		Claims:    authn.Claims{Auth: []byte(fmt.Sprintf(`{"token":%q}`, token))},
		Observed:  authn.Observed{RemoteAddress: "192.0.2.1"},
	}
}

func wantUser(t *testing.T, s *shelter, h authn.Handshake, user string) authn.Identity {
	t.Helper()
	identity, err := s.Authenticate(t.Context(), h)
	if err != nil || identity.User != user {
		t.Fatalf("got %+v, %v; want %q", identity, err, user)
	}
	return identity
}

func wantRefusal(t *testing.T, s *shelter, h authn.Handshake, code string, closes bool) {
	t.Helper()
	identity, err := s.Authenticate(t.Context(), h)
	r, ok := errors.AsType[*authn.Refusal](err)
	if !ok || r.Code != code || r.Close != closes {
		t.Fatalf("got %+v, %v; want %s, close %v", identity, err, code, closes)
	}
}

func TestWithoutAnOutageItOnlyPassesOn(t *testing.T) {
	s := newShelter(t, outage.Config{})
	s.desk.says(authn.Identity{User: "ada", Events: []authn.Event{{Name: "hello"}}}, nil)
	if i := wantUser(t, s, with("a"), "ada"); len(i.Events) != 1 {
		t.Errorf("%+v", i)
	}
	s.desk.says(authn.Identity{}, errRefused)
	wantRefusal(t, s, with("a"), "NO", false)
	if s.desk.questions() != 2 || s.log.Len() > 0 {
		t.Errorf("asked %d times, logged %s", s.desk.questions(), s.log)
	}
}

// TestNobodyGetsInByNonsense is about breakdowns that are no outage. Many a backend
// says with an error that it does not know somebody.
func TestNobodyGetsInByNonsense(t *testing.T) {
	for _, policy := range []outage.Policy{outage.Refuse, outage.Close, outage.Stale, outage.Anonymous} {
		t.Run(string(policy), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newShelter(t, outage.Config{Policy: policy})
				s.desk.says(authn.Identity{User: "ada"}, nil)
				wantUser(t, s, with("a"), "ada")
				s.desk.says(authn.Identity{}, errNonsense)
				wantRefusal(t, s, with("a"), "BACKEND_INVALID_REPLY", policy == outage.Close)
				fault := errors.New("a fault of ours")
				s.desk.says(authn.Identity{}, fault)
				if _, err := s.Authenticate(t.Context(), with("a")); !errors.Is(err, fault) {
					t.Errorf("got %v", err)
				}
				if s.metric(t, "active", "/") != 0 || s.log.Len() > 0 {
					t.Errorf("is taken for an outage: %s", s.log)
				}
			})
		})
	}
}

func TestRefusePolicy(t *testing.T) {
	s := newShelter(t, outage.Config{})
	s.desk.says(authn.Identity{}, errAway)
	wantRefusal(t, s, with("a"), "BACKEND_UNAVAILABLE", false)
	if n := s.metric(t, "newcomers_total", "/", "refused"); n != 1 {
		t.Errorf("%v counted", n)
	}
}

func TestClosePolicyHoldsThenCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelter(t, outage.Config{Policy: outage.Close, CloseAfter: 4 * time.Second})
		s.desk.says(authn.Identity{}, errAway)
		differ := map[time.Duration]bool{}
		for range 20 {
			begin := time.Now()
			wantRefusal(t, s, with("a"), "BACKEND_UNAVAILABLE", true)
			held := time.Since(begin)
			if held < 2*time.Second || held > 4*time.Second {
				t.Errorf("held for %v", held)
			}
			differ[held] = true
		}
		if len(differ) < 10 {
			t.Errorf("clients come in waves: %v", differ)
		}
		if errAway.Close {
			t.Error("the other authenticator's own error has changed")
		}

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		_, err := s.Authenticate(ctx, with("a"))
		if err == nil || time.Since(begin) != time.Second {
			t.Errorf("who left was held for %v: %v", time.Since(begin), err)
		}
		if n := s.metric(t, "newcomers_total", "/", "closed"); n != 20 {
			t.Errorf("%v counted", n)
		}
	})
}

func TestStalePolicy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelter(t, outage.Config{Policy: outage.Stale, StaleTTL: time.Minute})
		known := authn.Identity{
			User: "ada", Rooms: []string{"a"}, Metadata: []byte(`{"role":"admin"}`), TokenID: "t",
			ExpiresAt: time.Now().Add(time.Hour), Events: []authn.Event{{Name: "hello"}},
		}
		s.desk.says(known, nil)
		wantUser(t, s, with("a"), "ada")

		s.desk.says(authn.Identity{}, errAway)
		again := wantUser(t, s, with("a"), "ada")
		if again.Rooms[0] != "a" || string(again.Metadata) != `{"role":"admin"}` || !again.ExpiresAt.Equal(known.ExpiresAt) {
			t.Errorf("%+v", again)
		}
		if again.Events != nil {
			t.Errorf("first events come twice: %+v", again.Events)
		}
		again.Rooms[0] = "x"
		if i := wantUser(t, s, with("a"), "ada"); i.Rooms[0] != "a" {
			t.Error("clients share what is remembered")
		}
		back := with("a") // and wants its lost connection
		back.Recovering, back.Observed.Transport = "c1", "polling"
		wantUser(t, s, back, "ada")
		wantRefusal(t, s, with("b"), "BACKEND_UNAVAILABLE", false)

		time.Sleep(time.Minute - 1)
		wantUser(t, s, with("a"), "ada")
		time.Sleep(time.Nanosecond)
		wantRefusal(t, s, with("a"), "BACKEND_UNAVAILABLE", false)
		if hits, misses := s.metric(t, "cache_lookups_total", "/", "hit"), s.metric(t, "cache_lookups_total", "/", "miss"); hits != 4 || misses != 2 {
			t.Errorf("%v hits, %v misses", hits, misses)
		}
		if let, out := s.metric(t, "newcomers_total", "/", "stale"), s.metric(t, "newcomers_total", "/", "refused"); let != 4 || out != 2 {
			t.Errorf("%v let in, %v refused", let, out)
		}
	})
}

func TestRefusalIsTheEndOfWhatIsRemembered(t *testing.T) {
	s := newShelter(t, outage.Config{Policy: outage.Stale})
	for _, token := range []string{"a", "b"} {
		s.desk.says(authn.Identity{User: "user of " + token}, nil)
		wantUser(t, s, with(token), "user of "+token)
	}
	s.desk.says(authn.Identity{}, errRefused)
	wantRefusal(t, s, with("a"), "NO", false)
	s.desk.says(authn.Identity{}, errAway)
	wantRefusal(t, s, with("a"), "BACKEND_UNAVAILABLE", false)
	wantUser(t, s, with("b"), "user of b")
}

func TestNothingOutlivesItsCredential(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelter(t, outage.Config{Policy: outage.Stale, StaleTTL: time.Hour})
		s.desk.says(authn.Identity{User: "ada", ExpiresAt: time.Now().Add(time.Minute)}, nil)
		wantUser(t, s, with("a"), "ada")
		s.desk.says(authn.Identity{}, errAway)
		time.Sleep(time.Minute - 1)
		wantUser(t, s, with("a"), "ada")
		time.Sleep(time.Nanosecond)
		wantRefusal(t, s, with("a"), "BACKEND_UNAVAILABLE", false)
	})
}

func TestStaleOtherwise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, otherwise := range []outage.Policy{outage.Close, outage.Anonymous} {
			cfg := outage.Config{Policy: outage.Stale, Otherwise: otherwise}
			s := newShelter(t, cfg)
			s.desk.says(authn.Identity{User: "ada"}, nil)
			wantUser(t, s, with("a"), "ada")
			s.desk.says(authn.Identity{}, errAway)
			wantUser(t, s, with("a"), "ada")
			if otherwise == outage.Close {
				wantRefusal(t, s, with("b"), "BACKEND_UNAVAILABLE", true)
			} else {
				wantUser(t, s, with("b"), "")
			}
		}
	})
}

func TestAnonymousPolicy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelter(t, outage.Config{Policy: outage.Anonymous, Rooms: []string{"lobby"}, AnonymousTTL: time.Minute})
		s.desk.says(authn.Identity{}, errAway)
		guest := wantUser(t, s, with("a"), "")
		if len(guest.Rooms) != 1 || guest.Rooms[0] != "lobby" || string(guest.Metadata) != `{"outage":"anonymous"}` {
			t.Errorf("%+v", guest)
		}
		if stays := time.Until(guest.ExpiresAt); stays < 30*time.Second || stays > time.Minute {
			t.Errorf("stays for %v", stays)
		}
		guest.Rooms[0] = "x"
		if other := wantUser(t, s, with("b"), ""); other.Rooms[0] != "lobby" {
			t.Error("guests share their rooms")
		}
		if n := s.metric(t, "newcomers_total", "/", "anonymous"); n != 2 {
			t.Errorf("%v counted", n)
		}
	})
}

func TestOutageIsLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelter(t, outage.Config{Policy: outage.Anonymous})
		for range 2 {
			s.desk.says(authn.Identity{}, errAway)
			for range 3 {
				wantUser(t, s, with("a"), "")
				time.Sleep(20 * time.Second)
			}
			if s.metric(t, "active", "/") != 1 {
				t.Error("the outage is not shown")
			}
			wantUser(t, s, with("a"), "")
			s.desk.says(authn.Identity{}, errRefused)
			wantRefusal(t, s, with("a"), "NO", false) // too soon to say that it is over
			time.Sleep(time.Second)
			wantRefusal(t, s, with("a"), "NO", false)
			wantRefusal(t, s, with("a"), "NO", false)
		}
		if s.metric(t, "active", "/") != 0 {
			t.Error("the outage goes on")
		}
		log := s.log.String()
		if began, ended := strings.Count(log, "policy decides"), strings.Count(log, "authenticated again"); began != 2 || ended != 2 {
			t.Errorf("logged %d and %d times:\n%s", began, ended, log)
		}
		if strings.Contains(log, "token") {
			t.Errorf("a credential is in the log:\n%s", log)
		}
	})
}

// TestClientThatLeft is no outage, and no newcomer.
func TestClientThatLeft(t *testing.T) {
	s := newShelter(t, outage.Config{Policy: outage.Anonymous})
	s.desk.answer = func(ctx context.Context, _ authn.Handshake) (authn.Identity, error) {
		<-ctx.Done()
		return authn.Identity{}, errAway
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if identity, err := s.Authenticate(ctx, with("a")); err == nil {
		t.Errorf("let in as %+v", identity)
	}
	if s.metric(t, "active", "/") != 0 || s.metric(t, "newcomers_total", "/", "anonymous") != 0 {
		t.Error("counts")
	}
}

// TestResidentsAreOnlyAskedAbout has a client refresh its credential while
// nobody answers, under every policy that would let a newcomer in or close its
// connection.
func TestResidentsAreOnlyAskedAbout(t *testing.T) {
	for _, policy := range []outage.Policy{outage.Close, outage.Stale, outage.Anonymous} {
		s := newShelter(t, outage.Config{Policy: policy, Coalesce: true})
		refresh := authn.Handshake{Cause: authn.CauseRefresh, Resident: authn.Resident{User: "ada"}}
		s.desk.says(authn.Identity{User: "ada"}, nil)
		if identity, err := s.Authenticate(t.Context(), refresh); err != nil || identity.User != "ada" {
			t.Errorf("%s: %+v, %v", policy, identity, err)
		}
		s.desk.says(authn.Identity{}, errAway)
		if identity, err := s.Authenticate(t.Context(), refresh); !errors.Is(err, errAway) {
			t.Errorf("%s: %+v, %v", policy, identity, err)
		}
	}
}
