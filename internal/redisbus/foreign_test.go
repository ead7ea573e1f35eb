package redisbus

import (
	"slices"
	"testing"

	"github.com/seed52a35d2d/realtime-server/internal/testenv"
)

// TestForeignSharded: sharded channels carry messages under their own names, and
// those who listen are counted, apart from those of plain channels.
func TestForeignSharded(t *testing.T) {
	b := begin(t, quick(testenv.StartRedis(t).Address()))
	b.want(StateOK)
	heard := make(chan string, 2)
	take := func(channel string, payload []byte) { heard <- channel + " " + string(payload) }
	f := b.Foreign()
	for _, s := range []*Subscription{f.SSubscribe("x#/#", take), f.Subscribe("x#/#", take), f.Subscribe("y", take)} {
		if err := s.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := f.SPublish(t.Context(), "x#/#", []byte("hi")); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if got := <-heard; got != "x#/# hi" {
		t.Errorf("heard %s", got)
	}
	f.Unsubscribe("y")
	for count, want := range map[string][]int{"plain": {1, 0}, "sharded": {1, 0}} {
		ask := f.Subscribers
		if count == "sharded" {
			ask = f.SSubscribers
		}
		got, err := ask(t.Context(), "x#/#", "none")
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v", count, got, err)
		}
	}
}
