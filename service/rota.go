package service

import (
	"container/list"
	"sync"
	"time"

	"github.com/seed52a35d2d/realtime-server/sio"
)

// rota is a list of sockets whose turn comes a fixed time after they were put on
// it. All of them wait for the same time, so the first that was put on it is the
// first whose turn it is, and one goroutine with one timer does for all.
type rota struct {
	// Immutable.
	after time.Duration
	again bool // who had a turn is put on the list once more
	turn  func([]*sio.Socket)

	mu    sync.Mutex // stands alone
	queue list.List  // of *sitter, the next one first
	by    map[*sio.Socket]*list.Element

	wake  chan struct{} // the list is not empty any more; holds one signal
	stop  chan struct{}
	ended chan struct{}
}

// sitter is a socket and when its turn is.
type sitter struct {
	socket *sio.Socket
	at     time.Time
}

// newRota has turn called, never twice at once, with those whose turn has come.
// It must not block.
func newRota(after time.Duration, again bool, turn func([]*sio.Socket)) *rota {
	r := &rota{
		after: after, again: again, turn: turn,
		by:    map[*sio.Socket]*list.Element{},
		wake:  make(chan struct{}, 1),
		stop:  make(chan struct{}),
		ended: make(chan struct{}),
	}
	go r.run()
	return r
}

// close returns when the goroutine has ended.
func (r *rota) close() {
	close(r.stop)
	<-r.ended
}

// put puts a socket on the list.
func (r *rota) put(s *sio.Socket) {
	r.mu.Lock()
	r.by[s] = r.queue.PushBack(&sitter{s, time.Now().Add(r.after)})
	first := r.queue.Len() == 1
	r.mu.Unlock()
	if first {
		select {
		case r.wake <- struct{}{}:
		default:
		}
	}
}

// drop takes a socket off the list. It is false if its turn has come, or if it
// was not there.
func (r *rota) drop(s *sio.Socket) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	element, found := r.by[s]
	if found {
		delete(r.by, s)
		r.queue.Remove(element)
	}
	return found
}

func (r *rota) run() {
	defer close(r.ended)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-r.stop:
			return
		case <-r.wake:
		case <-timer.C:
		}
		due, wait := r.due(time.Now())
		if len(due) > 0 {
			r.turn(due)
		}
		if wait > 0 {
			timer.Reset(wait)
		}
	}
}

// due are those whose turn has come, and wait how long until the next one's; 0
// if there is none.
func (r *rota) due(now time.Time) (due []*sio.Socket, wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for front := r.queue.Front(); front != nil; front = r.queue.Front() {
		next := front.Value.(*sitter) //nolint:errcheck // the list holds nothing else
		if wait := next.at.Sub(now); wait > 0 {
			return due, wait
		}
		due = append(due, next.socket)
		if r.again {
			next.at = now.Add(r.after)
			r.queue.MoveToBack(front)
			continue
		}
		delete(r.by, next.socket)
		r.queue.Remove(front)
	}
	return due, 0
}
