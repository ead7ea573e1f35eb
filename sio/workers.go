package sio

import (
	"slices"
	"sync"
	"time"
)

// workers do the tasks of sockets, each worker for one socket at a time. There
// are as many as sockets that are busy at once, because a task may take long.
// Those without work wait: a goroutine that has done work before has grown its
// stack; a new one has to do so again.
type workers struct {
	// wg counts them, and the reaper that is to come. It grows from zero only
	// for a socket that Server.wg counts.
	wg sync.WaitGroup

	mu      sync.Mutex  // stands alone
	waiting []*worker   // the last to come is the first to go
	least   int         // how few were waiting since the reaper came last
	reaper  *time.Timer // comes while somebody waits
	closed  bool
}

// worker is one of them. It waits on a channel of its own, so that waking it
// costs no more than that.
type worker struct{ next chan *Socket }

// workerPatience is how long a worker without work stays, and at most twice
// that.
const workerPatience = time.Second

// employ has a worker do a socket's tasks: one that waits, or a new one.
func (w *workers) employ(socket *Socket) {
	w.mu.Lock()
	if last := len(w.waiting) - 1; last >= 0 {
		idle := w.waiting[last]
		w.waiting[last] = nil
		w.waiting = w.waiting[:last]
		w.least = min(w.least, last)
		w.mu.Unlock()
		idle.next <- socket
		return
	}
	w.mu.Unlock()
	w.wg.Go(func() { w.labour(socket) })
}

// labour is the life of a worker.
func (w *workers) labour(socket *Socket) {
	self := &worker{next: make(chan *Socket, 1)}
	for ; socket != nil; socket = <-self.next {
		socket.work()
		if !w.wait(self) {
			return
		}
	}
}

// wait notes that a worker waits for its next socket, which is nil if it is to
// go. It reports false if there will be none.
func (w *workers) wait(self *worker) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return false
	}
	w.waiting = append(w.waiting, self)
	if w.reaper == nil {
		w.least = len(w.waiting)
		w.wg.Add(1) // beside that of the worker
		w.reaper = time.AfterFunc(workerPatience, w.reap)
	}
	return true
}

// reap sends those away who were not needed since it came last.
func (w *workers) reap() {
	w.mu.Lock()
	idle := w.take(w.least)
	w.least = len(w.waiting)
	if w.least > 0 && !w.closed {
		w.reaper.Reset(workerPatience)
	} else {
		w.reaper = nil
		defer w.wg.Done()
	}
	w.mu.Unlock()
	dismiss(idle)
}

// take takes those who have waited longest; the lock is held.
func (w *workers) take(count int) []*worker {
	taken := slices.Clone(w.waiting[:count])
	w.waiting = slices.Delete(w.waiting, 0, count)
	return taken
}

func dismiss(idle []*worker) {
	for _, worker := range idle {
		close(worker.next)
	}
}

// close sends all away and returns when they have gone. Nobody is employed any
// more.
func (w *workers) close() {
	w.mu.Lock()
	w.closed = true
	if w.reaper != nil && w.reaper.Stop() {
		w.wg.Done()
	}
	idle := w.take(len(w.waiting))
	w.least = 0 // for a reaper that has come, and waits for the lock
	w.mu.Unlock()
	dismiss(idle)
	w.wg.Wait()
}
