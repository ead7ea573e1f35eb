package load

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/seed52a35d2d/realtime-server/bench/internal/client"
)

// ErrSilent says that clients were still waiting for the end when nothing had
// come for a while.
var ErrSilent = errors.New("nothing comes any more")

// end closes the packet that follows the last number. Where order is kept,
// whatever has not come before it is lost.
var end = []byte(`["end"]`)

// numbered reads the number of a packet; false if it has none.
type numbered func(packet []byte) (number int, ok bool)

// following checks what clients receive, until each has seen the end or failed.
type following struct {
	clients  []*client.Conn
	total    int
	number   numbered
	patience time.Duration            // 0 has no limit
	arrived  func(client, number int) // may be nil

	allSent  atomic.Bool
	received atomic.Int64
}

// sent says that nothing more will come than what is under way.
func (f *following) sent() { f.allSent.Store(true) }

// run also returns when the last message came.
func (f *following) run() (Counts, time.Time, error) {
	var guard errgroup.Group
	done := make(chan struct{})
	var silentSince time.Time
	guard.Go(func() error {
		silentSince = f.guard(done)
		return nil
	})
	counts, err := f.follow()
	last := time.Now()
	close(done)
	_ = guard.Wait() // never fails
	if !silentSince.IsZero() {
		return counts, silentSince, ErrSilent
	}
	return counts, last, err
}

func (f *following) follow() (Counts, error) {
	var mu sync.Mutex
	var sum Counts
	err := each(len(f.clients), len(f.clients), func(i int) error {
		s := newStream(f.total)
		err := f.one(i, s)
		mu.Lock()
		defer mu.Unlock()
		sum = sum.plus(s.counts())
		return err
	})
	return sum, err
}

func (f *following) one(i int, s *stream) error {
	for {
		packet, err := f.clients[i].Receive()
		if err != nil {
			return fmt.Errorf("after %d messages: %w", s.received, err)
		}
		if bytes.HasSuffix(packet, end) {
			return nil
		}
		n, ok := f.number(packet)
		if !ok {
			return fmt.Errorf("unexpected packet %q", packet)
		}
		if err := s.take(n); err != nil {
			return err
		}
		f.received.Add(1)
		if f.arrived != nil {
			f.arrived(i, n)
		}
	}
}

// guard ends the waiting of all clients when nothing has come for too long, and
// says since when.
func (f *following) guard(done <-chan struct{}) (silentSince time.Time) {
	if f.patience == 0 {
		return time.Time{}
	}
	const looks = 20 // in that time
	ticker := time.NewTicker(f.patience / looks)
	defer ticker.Stop()
	seen, since := int64(-1), time.Now()
	for {
		select {
		case <-done:
			return time.Time{}
		case now := <-ticker.C:
			if count := f.received.Load(); count != seen || !f.allSent.Load() {
				seen, since = count, now
			}
			if now.Sub(since) < f.patience {
				continue
			}
			for _, c := range f.clients {
				_ = c.Until(now) // it fails if the client is gone, which is as good
			}
			return since
		}
	}
}

// eventNumber reads `2["n",17]` and `2["n",17,…]`.
func eventNumber(packet []byte) (int, bool) {
	rest, ok := bytes.CutPrefix(packet, []byte(`2["n",`))
	digits := bytes.IndexAny(rest, ",]")
	if !ok || digits < 0 {
		return 0, false
	}
	n, err := strconv.Atoi(string(rest[:digits]))
	return n, err == nil
}

// ackNumber reads `317[17]`: the id and what was acknowledged must agree.
func ackNumber(packet []byte) (int, bool) {
	rest, isAck := bytes.CutPrefix(packet, []byte("3"))
	id, echo, _ := bytes.Cut(rest, []byte("["))
	echo, isWhole := bytes.CutSuffix(echo, []byte("]"))
	n, err := strconv.Atoi(string(id))
	return n, isAck && isWhole && err == nil && bytes.Equal(id, echo)
}
