package authn_test

import (
	"strings"
	"testing"
	"time"

	"github.com/seed52a35d2d/realtime-server/authn"
)

func TestIdentityCheck(t *testing.T) {
	now := time.Unix(1000, 0)
	for _, test := range []struct {
		name     string
		identity authn.Identity
		want     []string // parts of the error; none if it is fine
	}{
		{"anonymous", authn.Identity{}, nil},
		{"full", authn.Identity{User: "ada", Rooms: []string{"a", "b"}, ExpiresAt: now.Add(1)}, nil},
		{"three rooms", authn.Identity{Rooms: []string{"a", "b", "c"}}, []string{"3 rooms, more than 2"}},
		{"expires now", authn.Identity{ExpiresAt: now}, []string{"expired"}},
		{
			"every fault",
			authn.Identity{User: "a\x00", Rooms: []string{"", "b"}, TokenID: "\xff", ExpiresAt: now.Add(-1)},
			[]string{"user: contains a NUL", "rooms[0]: must not be empty", "token id: is not valid UTF-8", "expired"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := test.identity.Check(2, now)
			if (err != nil) != (test.want != nil) {
				t.Fatalf("error %v", err)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q lacks %q", err, want)
				}
			}
		})
	}
}

func TestCheckName(t *testing.T) {
	for name, ok := range map[string]bool{
		"a": true, "räume/1": true, " ": true, strings.Repeat("x", 256): true,
		"": false, "a\x00b": false, "\xff": false, strings.Repeat("x", 257): false,
	} {
		if err := authn.CheckName(name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}
