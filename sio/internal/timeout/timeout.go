// Package timeout watches many things that share one length of time: they
// expire in the order in which they were set, so one list and one timer serve
// them all, and setting or cancelling costs a few pointer moves.
package timeout

import (
	"sync"
	"time"
)

// Entry is the place of one T in a List. Embed it in the T that it watches;
// its zero value is in no list. An Entry serves one List at a time: cancel it
// in one before setting it in another.
type Entry[T any] struct {
	prev, next *Entry[T]
	owner      T
	due        time.Duration // since List.start
	set        bool
}

// List expires entries a fixed time after they were set.
type List[T any] struct {
	after  time.Duration
	expire func(T)
	start  time.Time

	mu      sync.Mutex
	root    Entry[T] // head and tail of a ring, oldest first
	timer   *time.Timer
	running sync.WaitGroup // the timer's function
	stopped bool
}

// New makes a list that calls expire for each entry that was not cancelled
// within the time. The calls come one after another; expire may use the list.
func New[T any](after time.Duration, expire func(T)) *List[T] {
	l := &List[T]{after: after, expire: expire, start: time.Now()}
	l.root.prev, l.root.next = &l.root, &l.root
	return l
}

// Set starts the time of an entry, anew if it is in the list already.
func (l *List[T]) Set(e *Entry[T], owner T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return
	}
	if e.set {
		l.unlink(e)
	}
	e.owner, e.due, e.set = owner, time.Since(l.start)+l.after, true
	last := l.root.prev
	e.prev, e.next = last, &l.root
	last.next, l.root.prev = e, e
	if l.root.next == e {
		l.arm(l.after)
	}
}

// Cancel takes an entry out of the list. Its expiry may have begun already.
func (l *List[T]) Cancel(e *Entry[T]) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.set {
		l.unlink(e)
	}
}

// Pending reports whether an entry is in the list and not expired.
func (l *List[T]) Pending(e *Entry[T]) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return e.set
}

// Overdue reports whether the time of an entry is over although it has not
// expired yet.
func (l *List[T]) Overdue(e *Entry[T]) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return e.set && time.Since(l.start) > e.due
}

// Stop ends the list: nothing expires after it has returned. It must not be
// called from expire.
func (l *List[T]) Stop() {
	l.mu.Lock()
	l.stopped = true
	if l.timer != nil && l.timer.Stop() {
		l.running.Done()
	}
	l.timer = nil
	l.mu.Unlock()
	l.running.Wait()
}

func (l *List[T]) unlink(e *Entry[T]) {
	e.prev.next, e.next.prev = e.next, e.prev
	var zero T
	e.prev, e.next, e.owner, e.set = nil, nil, zero, false
}

// arm starts the timer unless it runs. A timer may fire early for the head of
// the list, because cancelling leaves it alone; it is armed anew then.
func (l *List[T]) arm(d time.Duration) {
	if l.timer != nil {
		return
	}
	l.running.Add(1)
	l.timer = time.AfterFunc(d, l.fire)
}

func (l *List[T]) fire() {
	defer l.running.Done()
	for {
		owner, ok := l.pop()
		if !ok {
			return
		}
		l.expire(owner)
	}
}

// pop takes the next entry that is due. When there is none it arms the timer
// for the head.
func (l *List[T]) pop() (owner T, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	head := l.root.next
	if l.stopped || head == &l.root {
		l.timer = nil
		return owner, false
	}
	if wait := head.due - time.Since(l.start); wait > 0 {
		l.timer = nil
		l.arm(wait)
		return owner, false
	}
	owner = head.owner
	l.unlink(head)
	return owner, true
}
