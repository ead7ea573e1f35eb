package outage_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed52a35d2d/realtime-server/authn"
	"github.com/seed52a35d2d/realtime-server/authn/outage"
)

// learn lets in as many clients as there are names, each with a token of its own.
func learn(t *testing.T, s *shelter, identities ...authn.Identity) {
	t.Helper()
	for i, identity := range identities {
		s.desk.says(identity, nil)
		wantUser(t, s, with(fmt.Sprint(i)), identity.User)
	}
	s.desk.says(authn.Identity{}, errAway)
}

// known are the numbers of those whose decisions are remembered.
func known(t *testing.T, s *shelter, of int) string {
	t.Helper()
	var numbers []string
	for i := range of {
		if _, err := s.Authenticate(t.Context(), with(fmt.Sprint(i))); err == nil {
			numbers = append(numbers, fmt.Sprint(i))
		}
	}
	return strings.Join(numbers, " ")
}

func TestForget(t *testing.T) {
	for _, test := range []struct{ user, tokenID, left string }{
		{"ada", "", "2 3 4"},
		{"", "t1", "1 4"},
		{"ada", "t1", "1 2 3 4"},
		{"bob", "t3", "0 1 2 3 4"},
		{"", "", "0 1 2 3 4"},
	} {
		s := newShelter(t, outage.Config{Policy: outage.Stale})
		learn(t, s,
			authn.Identity{User: "ada", TokenID: "t1"}, authn.Identity{User: "ada", TokenID: "t2"},
			authn.Identity{User: "bob", TokenID: "t1"}, authn.Identity{TokenID: "t1"}, authn.Identity{User: "eve"})
		s.Forget(test.user, test.tokenID)
		if left := known(t, s, 5); left != test.left {
			t.Errorf("without %q %q: %s are left, want %s", test.user, test.tokenID, left, test.left)
		}
	}
}

func TestForgetWithoutMemory(t *testing.T) {
	s := newShelter(t, outage.Config{Policy: outage.Close})
	s.Forget("ada", "t1")
	s.desk.says(authn.Identity{User: "ada"}, nil)
	wantUser(t, s, with("a"), "ada")
}

func TestMemoryIsBounded(t *testing.T) {
	users := make([]authn.Identity, 5)
	for i := range users {
		users[i] = authn.Identity{User: fmt.Sprint(i), Metadata: []byte(`"` + strings.Repeat("x", 1000) + `"`)}
	}
	const each = 512 + 1 + 1002
	for name, cfg := range map[string]outage.Config{
		"entries": {MaxEntries: 2},
		"bytes":   {MaxBytes: 3*each - 1},
	} {
		t.Run(name, func(t *testing.T) {
			cfg.Policy = outage.Stale
			s := newShelter(t, cfg)
			learn(t, s, users...)
			if left := known(t, s, len(users)); left != "3 4" {
				t.Errorf("%s are left", left)
			}
			if entries, bytes := s.metric(t, "cache_entries", "/"), s.metric(t, "cache_bytes", "/"); entries != 2 || bytes != 2*each {
				t.Errorf("%v entries, %v bytes", entries, bytes)
			}
			s.Forget("3", "")
			s.Forget("4", "")
			if entries, bytes := s.metric(t, "cache_entries", "/"), s.metric(t, "cache_bytes", "/"); entries != 0 || bytes != 0 {
				t.Errorf("at the end %v entries, %v bytes", entries, bytes)
			}
		})
	}
	t.Run("one that is too large", func(t *testing.T) {
		s := newShelter(t, outage.Config{Policy: outage.Stale, MaxBytes: each - 1})
		learn(t, s, users[0], authn.Identity{User: "small"})
		if left := known(t, s, 2); left != "1" {
			t.Errorf("%s are left", left)
		}
	})
}

// TestLatestDecisionsStay has a client come again, which makes it the youngest.
func TestLatestDecisionsStay(t *testing.T) {
	s := newShelter(t, outage.Config{Policy: outage.Stale, MaxEntries: 2})
	learn(t, s, authn.Identity{User: "0"}, authn.Identity{User: "1"})
	if left := known(t, s, 2); left != "0 1" { // to be looked at makes nobody younger
		t.Fatalf("%s are left", left)
	}
	s.desk.says(authn.Identity{User: "2"}, nil)
	wantUser(t, s, with("0"), "2")
	wantUser(t, s, with("2"), "2")
	s.desk.says(authn.Identity{}, errAway)
	if left := known(t, s, 3); left != "0 2" {
		t.Errorf("%s are left", left)
	}
}

// TestWhatIsTooOldGoes shows that it does not wait for the bounds.
func TestWhatIsTooOldGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelter(t, outage.Config{Policy: outage.Stale, StaleTTL: time.Minute})
		learn(t, s, authn.Identity{User: "0"}, authn.Identity{User: "1"})
		time.Sleep(time.Minute)
		s.desk.says(authn.Identity{User: "2"}, nil)
		wantUser(t, s, with("2"), "2")
		if entries := s.metric(t, "cache_entries", "/"); entries != 1 {
			t.Errorf("%v entries", entries)
		}
	})
}
