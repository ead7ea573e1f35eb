package service

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed52a35d2d/realtime-server/sio"
)

func TestRota(t *testing.T) {
	for _, again := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			a, b, c := new(sio.Socket), new(sio.Socket), new(sio.Socket)
			turns := make(chan *sio.Socket, 9)
			r := newRota(10*time.Second, again, func(due []*sio.Socket) {
				for _, s := range due {
					turns <- s
				}
			})
			defer r.close()
			want := func(wait time.Duration, sockets ...*sio.Socket) {
				t.Helper()
				time.Sleep(wait)
				synctest.Wait()
				var had []*sio.Socket
				for len(turns) > 0 {
					had = append(had, <-turns)
				}
				if !slices.Equal(had, sockets) {
					t.Fatalf("again %v: %d had their turn, want %d", again, len(had), len(sockets))
				}
			}
			r.put(a)
			want(4 * time.Second)
			r.put(b)
			r.put(c)
			if !r.drop(b) || r.drop(b) {
				t.Error("b was not there, or is still")
			}
			want(6*time.Second-1, nil...)
			want(1, a)
			want(4*time.Second, c)
			if r.drop(a) != again {
				t.Errorf("again %v: a is there: %v", again, !again)
			}
			if again {
				want(10*time.Second, c)
				r.drop(c)
			}
			want(time.Minute)
			r.put(b) // after a time with nobody to wait for
			want(10*time.Second, b)
			if again {
				want(30*time.Second, b, b, b)
				r.drop(b)
			}
			if r.queue.Len() > 0 || len(r.by) > 0 {
				t.Errorf("%d are left over", len(r.by))
			}
		})
	}
}
