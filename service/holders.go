package service

import (
	"maps"
	"slices"
	"sync"

	"github.com/seed52a35d2d/realtime-server/authn/revocation"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// holders are the sockets whose credentials have a name.
type holders struct {
	mu sync.Mutex // stands alone; taken under the locks of package sio
	by map[string][]*sio.Socket
}

func (h *holders) add(c revocation.Credential, s *sio.Socket) {
	if c.Token == "" {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.by == nil {
		h.by = map[string][]*sio.Socket{}
	}
	h.by[c.Token] = append(h.by[c.Token], s)
}

// remove undoes one add: a client may refresh a credential with the same.
func (h *holders) remove(c revocation.Credential, s *sio.Socket) {
	if c.Token == "" {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	all := h.by[c.Token]
	if at := slices.Index(all, s); at >= 0 {
		all = slices.Delete(all, at, at+1)
	}
	if h.by[c.Token] = all; len(all) == 0 {
		delete(h.by, c.Token)
	}
}

// of returns the sockets that hold a revoked credential, each once.
func (h *holders) of(v *revocation.Revocation) []*sio.Socket {
	h.mu.Lock()
	defer h.mu.Unlock()
	found := map[*sio.Socket]struct{}{}
	for _, s := range h.by[v.Token] {
		if v.Namespace == "" || v.Namespace == s.Namespace().Name() {
			found[s] = struct{}{}
		}
	}
	return slices.Collect(maps.Keys(found))
}
