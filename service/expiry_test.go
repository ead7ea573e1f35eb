package service

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestExpiryEndsEachInItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExpiry()
		defer x.close()
		ended := make(chan string, 9)
		in := func(d time.Duration, id string) {
			x.add(id, time.Now().Add(d), func() { ended <- id })
		}
		begin := time.Now()
		want := func(ids ...string) {
			t.Helper()
			synctest.Wait()
			var got []string
			for len(ended) > 0 {
				got = append(got, <-ended)
			}
			if !slices.Equal(got, ids) {
				t.Fatalf("after %v: %q have ended, want %q", time.Since(begin), got, ids)
			}
		}
		in(3*time.Hour, "third")
		in(2*time.Hour, "removed")
		in(time.Hour, "first")
		in(-time.Second, "past")
		want("past")
		x.remove("removed")
		x.remove("never added")

		time.Sleep(time.Hour - 1)
		want()
		time.Sleep(time.Nanosecond)
		want("first")
		time.Sleep(2*time.Hour - 1)
		want()
		time.Sleep(time.Nanosecond)
		want("third")

		in(time.Hour, "later") // after a time with nothing to wait for
		time.Sleep(time.Hour)
		want("later")
		if len(x.by) != 0 || len(x.due) != 0 {
			t.Errorf("left over: %v", x.by)
		}
	})
}
