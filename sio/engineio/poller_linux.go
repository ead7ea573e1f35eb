package engineio

import (
	"github.com/seed52a35d2d/realtime-server/sio/internal/link"
	"github.com/seed52a35d2d/realtime-server/sio/internal/netloop"
)

// newPoller chooses who waits for WebSockets.
func newPoller(cfg Config) link.Poller {
	if cfg.EventLoop {
		return &netloop.Poller{}
	}
	return &link.Goroutines{}
}
