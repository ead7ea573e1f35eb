package main

import (
	"slices"
	"sync"
)

// kept is how many messages the history holds.
const kept = 50

// history is the newest messages of the lobby, oldest first.
type history struct {
	mu       sync.Mutex
	messages []message
}

func (h *history) add(m message) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.messages) == kept {
		h.messages = slices.Delete(h.messages, 0, 1)
	}
	h.messages = append(h.messages, m)
}

// all returns a copy, never nil: the client expects a list.
func (h *history) all() []message {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]message{}, h.messages...)
}
