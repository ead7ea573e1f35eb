package engineio

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"

	"github.com/seed52a35d2d/realtime-server/sio/siotest"
)

// byQuery admits friends.
func byQuery(r *http.Request) Admission {
	switch r.URL.Query().Get("who") {
	case "friend":
		return Admitted
	case "unsure":
		return AdmissionUnknown
	}
	return NotAdmitted
}

func TestConversationsWithAdmission(t *testing.T) {
	siotest.Play(t, "testdata/admit", buildWorld(func(cfg *Config) { cfg.Admit = byQuery }))
}

// Strangers take no place, and come no faster than others.
func TestStrangersTakeNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		world := buildWorld(func(cfg *Config) {
			cfg.Limits.MaxConnections, cfg.Limits.MaxHandshakesPerSecond = 1, 10
			cfg.Admit = func(r *http.Request) Admission {
				asked++
				return byQuery(r)
			}
		})(t, func(string) func(string, ...any) { return func(string, ...any) {} })
		defer world.Close(t.Context())
		get := func(who string) *httptest.ResponseRecorder {
			w := httptest.NewRecorder()
			world.Handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/socket.io/?EIO=4&transport=polling&who="+who, nil))
			return w
		}
		for range 5 {
			if w := get("stranger"); w.Code != http.StatusUnauthorized || w.Header().Get("WWW-Authenticate") != "Bearer" {
				t.Fatalf("a stranger: %d %s", w.Code, w.Body)
			}
		}
		if w := get("unsure"); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
			t.Errorf("one of whom nobody can tell: %d %s", w.Code, w.Body)
		}
		if w := get("friend"); w.Code != http.StatusOK {
			t.Errorf("a friend: %d %s", w.Code, w.Body)
		}
		for range 20 {
			get("stranger")
		}
		if asked > 10 {
			t.Errorf("%d were checked in a second", asked)
		}
	})
}
