package registry

import (
	"math/rand/v2"
	"time"
)

// begin is when this process began, for elapsed only.
var begin = time.Now()

// elapsed is how long this process has run. It is the only clock of this
// package, and monotonic: two nodes can compare nothing that comes from it, and
// setting the clock of a machine changes nothing. TestOneClock holds the package
// to that.
func elapsed() time.Duration { return time.Since(begin) }

// jittered is d, or up to a tenth less, so that nodes do not ask all at once.
func jittered(d time.Duration) time.Duration {
	return d - time.Duration(rand.Int64N(int64(d/10)+1)) //nolint:gosec // it is no secret
}

// backOff is how long to wait after so many failures in a row: twice as long
// each time, up to most.
func backOff(failures int, most time.Duration) time.Duration {
	const first = 25 * time.Millisecond
	d := most
	if failures < 16 {
		d = min(most, first<<max(failures-1, 0))
	}
	return d/2 + time.Duration(rand.Int64N(int64(d/2)+1)) //nolint:gosec // it is no secret
}
