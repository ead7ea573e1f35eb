package sio

import (
	"sync"

	"github.com/seed52a35d2d/realtime-server/sio/engineio"
)

// flow keeps a client from sending faster than the Handler works: beyond the
// limit the session is not read until half of the bytes are dealt with.
type flow struct {
	session *engineio.Session
	limit   int

	mu     sync.Mutex
	bytes  int // of events that wait for the Handler or are with it
	paused bool
}

func (f *flow) add(bytes int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.bytes += bytes
	if !f.paused && f.bytes > f.limit {
		f.paused = true
		f.session.Pause()
	}
}

func (f *flow) done(bytes int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.bytes -= bytes
	if f.paused && f.bytes <= f.limit/2 {
		f.paused = false
		f.session.Resume()
	}
}
