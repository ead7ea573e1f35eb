// Package storetest is what every ticket.Store has to pass.
package storetest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed52a35d2d/realtime-server/authn/ticket"
)

// Run tests the stores of several nodes, which share what they keep. A server
// that is alone has one.
func Run(t *testing.T, stores ...ticket.Store) {
	t.Helper()
	one, other := stores[0], stores[len(stores)-1]
	t.Run("taken once", func(t *testing.T) {
		put(t, one, "a", "value of a")
		put(t, one, "b", "value of b")
		wantTake(t, other, "a", "value of a")
		wantTake(t, other, "a", "")
		wantTake(t, one, "a", "")
		wantTake(t, one, "b", "value of b")
	})
	t.Run("never put", func(t *testing.T) { wantTake(t, one, "never", "") })
	t.Run("any bytes", func(t *testing.T) {
		put(t, one, "bytes", "\x00\xff\r\n$-1\r\n")
		wantTake(t, other, "bytes", "\x00\xff\r\n$-1\r\n")
	})
	t.Run("of all who ask at once one gets it", func(t *testing.T) {
		for n := range 20 {
			key := fmt.Sprint("race ", n)
			put(t, one, key, "value")
			var got atomic.Int32
			var all sync.WaitGroup
			start := make(chan struct{})
			for i := range 16 {
				all.Go(func() {
					<-start
					value, err := stores[i%len(stores)].Take(t.Context(), key)
					if err != nil {
						t.Error(err)
					}
					if value != nil {
						got.Add(1)
					}
				})
			}
			close(start)
			all.Wait()
			if got.Load() != 1 {
				t.Errorf("%d have got it", got.Load())
			}
		}
	})
}

func put(t *testing.T, s ticket.Store, key, value string) {
	t.Helper()
	if err := s.Put(t.Context(), key, []byte(value), time.Minute); err != nil {
		t.Fatal(err)
	}
}

// wantTake wants a value, "" for none.
func wantTake(t *testing.T, s ticket.Store, key, want string) {
	t.Helper()
	value, err := s.Take(t.Context(), key)
	if err != nil || string(value) != want || (value == nil) != (want == "") {
		t.Errorf("%s: got %q, %v; want %q", key, value, err, want)
	}
}
