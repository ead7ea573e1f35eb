package outage_test

import (
	"strings"
	"testing"

	"github.com/seed52a35d2d/realtime-server/authn/outage"
)

func TestConfig(t *testing.T) {
	for _, test := range []struct {
		name string
		cfg  outage.Config
		want []string // parts of the error; none if it is fine
	}{
		{"nothing", outage.Config{}, nil},
		{"stale, then guests", outage.Config{Policy: "stale", Otherwise: "anonymous", Rooms: []string{"a"}}, nil},
		{"guests", outage.Config{Policy: "anonymous", Rooms: []string{"a", "b"}}, nil},
		{"unknown", outage.Config{Policy: "deny", Otherwise: "stale"}, []string{"policy: ", "otherwise: "}},
		{"otherwise without stale", outage.Config{Policy: "anonymous", Otherwise: "close"}, []string{"otherwise: is for"}},
		{"rooms without guests", outage.Config{Policy: "close", Rooms: []string{"a"}}, []string{"rooms: only"}},
		{"bad rooms", outage.Config{Policy: "anonymous", Rooms: []string{"a", "", "c"}}, []string{"rooms: 3", "rooms[1]: "}},
		{
			"negative",
			outage.Config{CloseAfter: -1, StaleTTL: -1, MaxEntries: -1, MaxBytes: -1, AnonymousTTL: -1},
			[]string{"close_after: ", "stale_ttl: ", "max_entries: ", "max_bytes: ", "anonymous_ttl: "},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := test.cfg.WithDefaults().Validate(2)
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
