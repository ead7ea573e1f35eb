package load

import (
	"bytes"
	"fmt"
	"strconv"
	"sync"

	"github.com/seed52a35d2d/realtime-server/bench/internal/client"
)

// end closes the packet that follows the last number. Where order is kept,
// whatever has not come before it is lost.
var end = []byte(`["end"]`)

// numbered reads the number of a packet; false if it has none.
type numbered func(packet []byte) (number int, ok bool)

// follow checks what clients receive, until each has seen the end or failed.
func follow(clients []*client.Conn, total int, number numbered) (Counts, error) {
	var mu sync.Mutex
	var sum Counts
	err := each(len(clients), len(clients), func(i int) error {
		counts, err := followOne(clients[i], total, number)
		mu.Lock()
		defer mu.Unlock()
		sum = sum.plus(counts)
		return err
	})
	return sum, err
}

func followOne(c *client.Conn, total int, number numbered) (Counts, error) {
	s := newStream(total)
	for {
		packet, err := c.Receive()
		if err != nil {
			return s.counts(), fmt.Errorf("after %d messages: %w", s.received, err)
		}
		if bytes.HasSuffix(packet, end) {
			return s.counts(), nil
		}
		n, ok := number(packet)
		if !ok {
			return s.counts(), fmt.Errorf("unexpected packet %q", packet)
		}
		if err := s.take(n); err != nil {
			return s.counts(), err
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
