package testenv

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Do runs one command on the server, as an operator would, and fails the test
// if it does not succeed.
func (r *Redis) Do(args ...any) any {
	r.t.Helper()
	answer, err := r.Try(args...)
	if err != nil {
		r.t.Fatalf("%v on %s: %v", args, r.Address(), err)
	}
	return answer
}

// Try is Do for a server that may not answer just now: a Sentinel that changes
// its role closes all of its connections, for example.
func (r *Redis) Try(args ...any) (any, error) {
	client := redis.NewClient(&redis.Options{Addr: r.Address(), MaxRetries: -1, Protocol: 2})
	defer client.Close()
	return client.Do(r.t.Context(), args...).Result()
}

// await waits until done says so. It asks again and again: servers do not tell
// when they have agreed on something.
func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}
