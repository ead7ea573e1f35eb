package compare

import (
	"errors"
	"fmt"

	"github.com/seed52a35d2d/realtime-server/bench/load"
)

var (
	errEnded = errors.New("the process has ended")
	errWrong = errors.New("not everything has come, or not once")
)

// incomplete says that not all clients could connect.
type incomplete struct {
	connected, wanted int
	first             error
}

func (e incomplete) Error() string {
	return fmt.Sprintf("%d of %d clients could connect, then: %v", e.connected, e.wanted, e.first)
}

// failure is what a reader of the table is told, without addresses.
func failure(err error) string {
	var few incomplete
	switch {
	case errors.As(err, &few):
		return fmt.Sprintf("connected %d of %d clients", few.connected, few.wanted)
	case errors.Is(err, errEnded):
		return "has ended"
	case errors.Is(err, load.ErrSilent):
		return "has gone silent"
	}
	return "broke connections"
}
