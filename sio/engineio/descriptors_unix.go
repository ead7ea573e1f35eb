//go:build unix

package engineio

import (
	"math"
	"syscall"
)

// descriptors is how many files the process may have open, zero if that is
// not limited.
func descriptors() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > math.MaxInt32 {
		return 0
	}
	return int(limit.Cur)
}
