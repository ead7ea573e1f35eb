// Package testenv is what tests need of the machine they run on.
package testenv

import (
	"fmt"
	"math/rand/v2"
)

// OwnAddress is a loopback address to listen on, with a port of the kernel's
// choice, that no other program uses: not even as the source of a connection,
// which on 127.0.0.1 may take any port that is free at the moment. Whoever
// listens there, ends and listens again finds the port free. It is for tests in
// which an address must be known before somebody listens, or outlive him.
func OwnAddress() string {
	return fmt.Sprintf("127.%d.%d.%d:0", 1+rand.IntN(254), rand.IntN(256), 1+rand.IntN(254)) //nolint:gosec // it is no secret
}
