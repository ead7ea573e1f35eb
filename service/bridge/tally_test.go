package bridge

import (
	"fmt"
	"slices"
	"testing"

	clusterv1 "github.com/seed52a35d2d/realtime-server/gen/realtime/cluster/v1"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// told says what a tally's caller was told, in short.
func told(from string, r *clusterv1.Reply) string {
	switch result := r.GetAck().GetResult().(type) {
	case *realtimev1.SendWithAckResponse_Start:
		return fmt.Sprintf("%s asked %d", from, result.Start.GetMatched())
	case *realtimev1.SendWithAckResponse_Ack:
		return fmt.Sprintf("%s ack %s", from, result.Ack.GetArgs()[0].GetJson())
	default:
		return from + " missing"
	}
}

func TestTally(t *testing.T) {
	ack := func(json string) []sio.Arg { return []sio.Arg{{JSON: []byte(json)}} }
	for name, test := range map[string]struct {
		do       func(t *tally)
		complete bool
		answered int
		want     []string
	}{
		"nobody says anything": {func(*tally) {}, false, 0, nil},
		"all acknowledge": {func(t *tally) {
			t.promise(1)
			t.promise(2)
			t.ack(ack("1"), 1)
			t.ack(ack("2"), 1)
			t.ack(ack("3"), 1)
		}, true, 2, []string{"node 1 asked 1", "node 2 asked 2", "node 1 ack 1", "node 2 ack 2", "node 2 ack 3"}},
		"one does not": {func(t *tally) {
			t.promise(0)
			t.promise(2)
			t.ack(ack("1"), 1)
		}, false, 2, []string{"node 1 asked 0", "node 2 asked 2", "node 2 ack 1", "node 2 missing"}},
		"acknowledged before the promise": {func(t *tally) {
			t.ack(ack("1"), 1)
			t.promise(1)
			t.promise(0)
		}, true, 2, []string{"node 1 asked 1", "node 1 ack 1", "node 2 asked 0"}},
		"more than was promised": {func(t *tally) {
			t.promise(1)
			t.promise(0)
			t.ack(ack("1"), 1)
			t.ack(ack("2"), 1)
		}, true, 2, []string{"node 1 asked 1", "node 2 asked 0", "node 1 ack 1"}},
		"too much before the promise": {func(t *tally) {
			t.ack(ack("1"), maxEarly+1)
			t.promise(1)
		}, false, 1, []string{"node 1 asked 1", "node 1 missing"}},
		"one dies": {func(t *tally) {
			t.promise(0)
			t.recount(1)
		}, true, 1, []string{"node 1 asked 0"}},
		"one dies after its promise": {func(t *tally) {
			t.promise(1)
			t.recount(0)
		}, false, 1, []string{"node 1 asked 1", "node 1 missing"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			tally := newTally(2, func(from string, r *clusterv1.Reply) { got = append(got, told(from, r)) })
			test.do(tally)
			if tally.complete() != test.complete {
				t.Errorf("complete: %t", tally.complete())
			}
			tally.end()
			if !slices.Equal(got, test.want) {
				t.Errorf("told %q, want %q", got, test.want)
			}
			if cov := tally.coverage(); cov.Answered != test.answered {
				t.Errorf("%d have answered, want %d", cov.Answered, test.answered)
			}
		})
	}
}
