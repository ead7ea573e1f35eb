package load

import (
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/seed52a35d2d/realtime-server/bench/internal/client"
)

// Echo has every client emit `echo` with a number and wait for no
// acknowledgement before the next: the acknowledgements say which events the
// server has handled, and in which order.
func Echo(clients []*client.Conn, pace Pace) (Counts, error) {
	var senders errgroup.Group
	for _, c := range clients {
		senders.Go(func() error { return emit(c, pace) })
	}
	f := following{clients: clients, total: pace.Total, number: ackNumber}
	counts, _, err := f.run()
	if failed := senders.Wait(); err == nil {
		err = failed
	}
	return counts, err
}

func emit(c *client.Conn, pace Pace) error {
	var packets []string
	err := pace.run(func(from, to int) error {
		packets = packets[:0]
		for n := from; n < to; n++ {
			packets = append(packets, fmt.Sprintf(`2%d["echo",%d]`, n, n))
		}
		return c.Send(packets...)
	})
	if err != nil {
		return err
	}
	return c.Send(fmt.Sprintf(`2%d["echo","end"]`, pace.Total))
}

// RoundTrips has every client emit `echo` so often, each time when the
// acknowledgement before has come.
func RoundTrips(clients []*client.Conn, rounds int) error {
	return each(len(clients), len(clients), func(i int) error {
		for n := range rounds {
			if err := clients[i].Send(fmt.Sprintf(`2%d["echo",%d]`, n, n)); err != nil {
				return err
			}
			packet, err := clients[i].Receive()
			if err != nil {
				return err
			}
			if got, ok := ackNumber(packet); !ok || got != n {
				return fmt.Errorf("event %d is acknowledged with %q", n, packet)
			}
		}
		return nil
	})
}
