package cluster

import (
	"slices"
	"testing"

	"github.com/seed52a35d2d/realtime-server/sio"
)

// TestAudienceOf: one channel at most, for a node that listens to two would do a
// call twice.
func TestAudienceOf(t *testing.T) {
	const first, second, other = "aaaa0000000000000001", "aaaa0000000000000002", "bbbb0000000000000001"
	for name, c := range map[string]struct {
		target sio.Target
		want   Audience
	}{
		"nobody":                      {sio.Target{}, nil},
		"everyone":                    {sio.Target{Everyone: true}, Audience{"s:/"}},
		"a room":                      {sio.Target{Rooms: []string{"r"}}, Audience{"r:/,r"}},
		"a user":                      {sio.Target{Users: []string{"u"}}, Audience{"u:/,u"}},
		"rooms":                       {sio.Target{Rooms: []string{"r", "s"}}, Audience{"s:/"}},
		"a room and a connection":     {sio.Target{Rooms: []string{"r"}, IDs: []string{first}}, Audience{"s:/"}},
		"a connection":                {sio.Target{IDs: []string{first}}, Audience{"o:/,aaaa"}},
		"connections of one node":     {sio.Target{IDs: []string{first, second}}, Audience{"o:/,aaaa"}},
		"connections of two nodes":    {sio.Target{IDs: []string{first, other, second}}, Audience{"s:/"}},
		"what is no connection":       {sio.Target{IDs: []string{"x", ""}}, nil},
		"a connection and what is no": {sio.Target{IDs: []string{"x", first, "y"}}, Audience{"o:/,aaaa"}},
	} {
		if got := AudienceOf("/", c.target); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
