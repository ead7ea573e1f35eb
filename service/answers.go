package service

import (
	"container/list"
	"sync"
	"time"

	"github.com/seed52a35d2d/realtime-server/sio"
)

// Bounds of what one rule remembers. The oldest answer is forgotten first.
const (
	maxAnswerBytes = 8 << 20
	answerOverhead = 256 // about what an entry takes besides its arguments
)

// answers remembers how events were answered, so that a client that repeats
// one is answered the same, and the backend asked once.
type answers struct {
	window time.Duration

	mu    sync.Mutex
	by    map[onceKey]*answer
	old   list.List // of *answer, all that are ready; the oldest first
	bytes int
}

// answer is what became of one event. Whoever began it finishes it.
type answer struct {
	done chan struct{} // closed once it is finished
	key  onceKey

	// Set before done is closed.
	ok   bool
	args []sio.Arg // read-only
	at   time.Time
	size int
}

func newAnswers(window time.Duration) *answers {
	return &answers{window: window, by: map[onceKey]*answer{}}
}

// begin returns the answer to an event. The first who asks for it finds it out
// and calls finish; all others wait for done.
func (as *answers) begin(key onceKey) (_ *answer, first bool) {
	as.mu.Lock()
	defer as.mu.Unlock()
	as.forget(time.Now())
	if a := as.by[key]; a != nil {
		return a, false
	}
	a := &answer{done: make(chan struct{}), key: key}
	as.by[key] = a
	return a, true
}

// finish tells those who wait. Only what has succeeded is remembered.
func (as *answers) finish(a *answer, args []sio.Arg, ok bool) {
	as.mu.Lock()
	defer as.mu.Unlock()
	defer close(a.done)
	a.ok, a.args, a.at, a.size = ok, args, time.Now(), answerOverhead+sizeOf(args)
	if !ok || a.size > maxAnswerBytes {
		delete(as.by, a.key)
		return
	}
	as.old.PushBack(a)
	as.bytes += a.size
	as.forget(a.at)
}

// forget drops what is older than the window, and what is too much. The caller
// holds mu.
func (as *answers) forget(now time.Time) {
	for front := as.old.Front(); front != nil; front = as.old.Front() {
		a := front.Value.(*answer) //nolint:errcheck // the list holds nothing else
		if as.bytes <= maxAnswerBytes && now.Sub(a.at) < as.window {
			return
		}
		as.old.Remove(front)
		as.bytes -= a.size
		delete(as.by, a.key)
	}
}

func sizeOf(args []sio.Arg) int {
	n := 0
	for _, arg := range args {
		n += len(arg.JSON) + len(arg.Binary)
		for _, attachment := range arg.Attachments {
			n += len(attachment)
		}
	}
	return n
}
