package revocation

import (
	"errors"
	"sync"
	"time"
)

// ErrFull means that a List has no room.
var ErrFull = errors.New("there are as many revocations as may be")

// sweepPause is how long those that are over may stay in a List that has room.
const sweepPause = time.Minute

// List keeps revocations. It is safe for concurrent use, and bounded.
type List struct {
	max int // immutable

	mu    sync.RWMutex // stands alone
	all   map[key]Revocation
	swept time.Time
}

// key is what there is one revocation for.
type key struct{ namespace, user, token string }

func keyOf(r *Revocation) key { return key{r.Namespace, r.User, r.Token} }

// NewList returns an empty list for at most so many revocations.
func NewList(limit int) *List {
	return &List{max: limit, all: map[key]Revocation{}}
}

// Add takes a revocation, together with an older one for the same credentials.
// The error is ErrFull; nothing has changed then.
func (l *List) Add(r Revocation, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.hasRoom(&r, now) {
		return ErrFull
	}
	l.put(r)
	return nil
}

// Hear takes a revocation that others have accepted. For want of room the one
// goes that ends first, which dropped says. news is false if it says nothing
// that was not known.
func (l *List) Hear(r Revocation, now time.Time) (news, dropped bool) {
	if !r.Until.After(now) {
		return false, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if known, ok := l.all[keyOf(&r)]; ok && !r.At.After(known.At) && !r.Until.After(known.Until) {
		return false, false
	}
	if !l.hasRoom(&r, now) {
		l.dropFirst()
		dropped = true
	}
	l.put(r)
	return true, dropped
}

// Revoked reports whether a credential is good no longer.
func (l *List) Revoked(c Credential, now time.Time) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if len(l.all) == 0 {
		return false
	}
	for _, namespace := range [...]string{c.Namespace, ""} {
		for _, k := range [...]key{{namespace, c.User, ""}, {namespace, "", c.Token}} {
			if r, ok := l.all[k]; ok && r.Until.After(now) && r.Covers(c) {
				return true
			}
		}
	}
	return false
}

// All returns the revocations that are not over.
func (l *List) All(now time.Time) []Revocation {
	l.mu.RLock()
	defer l.mu.RUnlock()
	all := make([]Revocation, 0, len(l.all))
	for _, r := range l.all {
		if r.Until.After(now) {
			all = append(all, r)
		}
	}
	return all
}

// Len is how many are kept, some of which may be over.
func (l *List) Len() int {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return len(l.all)
}

// put adds a revocation to what is known of its credentials; the lock is held.
func (l *List) put(r Revocation) {
	if known, ok := l.all[keyOf(&r)]; ok {
		if known.At.After(r.At) {
			known, r = r, known
		}
		if known.Until.After(r.Until) {
			r.Until = known.Until
		}
	}
	l.all[keyOf(&r)] = r
}

// hasRoom looks for room, also where revocations are over; the lock is held.
func (l *List) hasRoom(r *Revocation, now time.Time) bool {
	if _, known := l.all[keyOf(r)]; known {
		return true
	}
	if full := len(l.all) >= l.max; full || now.Sub(l.swept) >= sweepPause {
		l.sweep(now)
	}
	return len(l.all) < l.max
}

func (l *List) sweep(now time.Time) {
	l.swept = now
	for k, r := range l.all {
		if !r.Until.After(now) {
			delete(l.all, k)
		}
	}
}

// dropFirst drops the revocation that ends first; the lock is held.
func (l *List) dropFirst() {
	var first key
	var until time.Time
	for k, r := range l.all {
		if until.IsZero() || r.Until.Before(until) {
			first, until = k, r.Until
		}
	}
	delete(l.all, first)
}
