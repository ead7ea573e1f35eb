package linktest

import (
	"sync/atomic"
	"time"
)

// stalled tells when a counter that was above zero has not grown for a while.
// A machine under load may make it speak too early, never wrongly: what it
// says is that nothing was seen to move.
func stalled(counter *atomic.Int64) <-chan struct{} {
	still := make(chan struct{})
	go func() {
		const quiet = 100 * time.Millisecond
		tick := time.NewTicker(quiet)
		defer tick.Stop()
		last := int64(0)
		for range tick.C {
			now := counter.Load()
			if now > 0 && now == last {
				close(still)
				return
			}
			last = now
		}
	}()
	return still
}
