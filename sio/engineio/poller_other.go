//go:build !linux

package engineio

import "github.com/seed52a35d2d/realtime-server/sio/internal/link"

// newPoller chooses who waits for WebSockets: there is one choice here.
func newPoller(Config) link.Poller { return &link.Goroutines{} }
