package outage

import (
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/seed52a35d2d/realtime-server/authn"
)

// cache remembers decisions to let a client in, the latest of them.
type cache struct {
	// Immutable.
	ttl      time.Duration
	maxBytes int
	metrics  counters

	mu sync.Mutex
	// entries are in the order in which they were decided: looking at one does not
	// make it younger.
	entries *simplelru.LRU[key, entry]
	bytes   int
	epoch   epoch
}

// epoch counts what was forgotten. A decision from before is not remembered after.
type epoch int

type entry struct {
	identity authn.Identity // read-only
	until    time.Time
	size     int
}

func newCache(cfg Config, metrics counters) *cache {
	c := &cache{ttl: cfg.StaleTTL, maxBytes: cfg.MaxBytes, metrics: metrics}
	// The error is about a size of zero, which Config.Validate does not let through.
	c.entries, _ = simplelru.NewLRU(max(cfg.MaxEntries, 1), func(_ key, e entry) { c.bytes -= e.size })
	return c
}

// now is the epoch in which a question is asked.
func (c *cache) now() epoch {
	if c == nil {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.epoch
}

// put remembers a decision that was asked for in an epoch, without its events: they
// were for the client's beginning, and may be true no longer.
func (c *cache) put(k key, identity authn.Identity, since epoch) {
	now := time.Now()
	identity.Events = nil
	e := entry{identity: identity.Clone(), until: now.Add(c.ttl), size: sizeOf(identity)}
	if at := identity.ExpiresAt; !at.IsZero() && at.Before(e.until) {
		e.until = at
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.measure()
	c.entries.Remove(k)
	c.expire(now)
	if since != c.epoch || e.size > c.maxBytes {
		return
	}
	c.entries.Add(k, e)
	c.bytes += e.size
	for c.bytes > c.maxBytes {
		c.entries.RemoveOldest()
	}
}

// get returns a decision that still holds.
func (c *cache) get(k key) (authn.Identity, bool) {
	c.mu.Lock()
	e, ok := c.entries.Peek(k)
	c.mu.Unlock()
	if !ok || !time.Now().Before(e.until) {
		c.metrics.misses.Inc()
		return authn.Identity{}, false
	}
	c.metrics.hits.Inc()
	return e.identity.Clone(), true
}

func (c *cache) remove(k key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.measure()
	c.entries.Remove(k)
}

// forget drops the decisions about a user, a token, or a token of a user.
func (c *cache) forget(user, tokenID string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.measure()
	c.epoch++
	for _, k := range c.entries.Keys() {
		e, _ := c.entries.Peek(k)
		if is(e.identity.User, user) && is(e.identity.TokenID, tokenID) && user+tokenID != "" {
			c.entries.Remove(k)
		}
	}
}

// is reports whether a name is the one that was given, if one was.
func is(name, given string) bool { return given == "" || name == given }

// expire drops the oldest decisions that hold no longer; the lock is held.
func (c *cache) expire(now time.Time) {
	for {
		_, e, ok := c.entries.GetOldest()
		if !ok || now.Before(e.until) {
			return
		}
		c.entries.RemoveOldest()
	}
}

// measure shows what there is; the lock is held.
func (c *cache) measure() {
	c.metrics.entries.Set(float64(c.entries.Len()))
	c.metrics.bytes.Set(float64(c.bytes))
}

// What an entry, and a room in it, cost beside their text, in bytes.
const (
	entryOverhead = 512
	roomOverhead  = 16
)

// sizeOf is what a decision counts for, in bytes.
func sizeOf(i authn.Identity) int {
	size := entryOverhead + len(i.User) + len(i.TokenID) + len(i.Metadata)
	for _, room := range i.Rooms {
		size += roomOverhead + len(room)
	}
	return size
}
