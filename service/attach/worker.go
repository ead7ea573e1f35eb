package attach

import (
	"log/slog"
	"maps"
	"slices"
	"time"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

// worker is one stream of a backend that has dialled out.
type worker struct {
	serving // immutable

	group *group
	name  string
	log   *slog.Logger

	// wake holds one signal when there is something to send.
	wake chan struct{}
	// ended gets the end of the stream, once: nil if all is well.
	ended chan error

	// Of the group, under its lock.
	credits int
	// calls are those that hold a credit. One that nobody waits for any more is nil.
	calls   map[uint64]*given
	last    uint64 // id of a call
	unsent  int    // bytes
	queue   []uint64
	cancels []uint64
	ping    bool // a ping is to be sent
	move    bool // that it should attach elsewhere is to be sent
	greeted bool
	pinged  bool // a pong is due
	heard   time.Time
	silent  bool
	// draining: it takes no more calls, and ends when all have a result. leaving: it
	// ends when nobody waits for one any more.
	draining, leaving bool
	unasked           int
	over              bool
}

// given is a call that a worker has got.
type given struct {
	call *call // nil when nobody waits for it any more
	size int
	sent bool
}

func newWorker(g *group, hello *realtimev1.AttachHello) *worker {
	return &worker{
		serving: serving{namespaces: hello.GetNamespaces(), events: hello.GetEvents()},
		group:   g, name: hello.GetWorker(), log: g.log.With(slog.String("worker", hello.GetWorker())),
		wake: make(chan struct{}, 1), ended: make(chan error, 1),
		credits: int(hello.GetCredits()), calls: map[uint64]*given{}, heard: time.Now(),
	}
}

// add makes a worker one of the group.
func (g *group) add(w *worker) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.leaving:
		return errDraining
	case len(g.workers) >= maxWorkers:
		return errTooManyWorkers
	}
	g.workers = append(g.workers, w)
	g.forget(time.Now(), w.serving)
	w.signal() // the welcome
	g.pull(w)
	g.change()
	return nil
}

// remove ends what a worker has had, once its stream is over.
func (g *group) remove(w *worker) (unanswered int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	w.over = true
	g.workers = slices.DeleteFunc(g.workers, func(other *worker) bool { return other == w })
	g.remember(w.serving)
	for _, its := range w.takeAll() {
		if its.call != nil {
			unanswered++
			g.lost(its.call, its.sent)
		}
	}
	g.reconsider()
	g.change()
	return unanswered
}

// takeAll takes all calls away from the worker, in the order in which it got them.
func (w *worker) takeAll() []*given {
	var all []*given
	for _, id := range w.ids() {
		all = append(all, w.calls[id])
	}
	clear(w.calls)
	w.queue, w.unsent = nil, 0
	return all
}

// ids are those of its calls, in the order in which it got them.
func (w *worker) ids() []uint64 { return slices.Sorted(maps.Keys(w.calls)) }

// present reports whether the worker will take further calls, as far as one
// knows.
func (w *worker) present() bool { return !w.over && !w.silent && !w.draining && !w.leaving }

// free is how many further calls it can take.
func (w *worker) free() int {
	if !w.present() || w.unsent >= maxUnsent {
		return 0
	}
	return max(0, w.credits-len(w.calls))
}

// busy is the part of its credits that is in use.
func (w *worker) busy() float64 { return float64(len(w.calls)) / float64(max(1, w.credits)) }

// canTake implements [place].
func (w *worker) canTake(c *call) bool { return w.free() > 0 && w.serves(c.on) }

// take implements [place].
func (w *worker) take(c *call) {
	w.last++
	c.worker, c.id = w, w.last
	w.calls[c.id] = &given{call: c, size: c.size}
	w.queue = append(w.queue, c.id)
	w.unsent += c.size
	w.signal()
	w.group.credited()
}

// drop makes the worker keep a call that nobody waits for any more. One that it
// has not begun it does not get.
func (w *worker) drop(id uint64) {
	its := w.calls[id]
	if its.sent {
		its.call = nil
		w.cancels = append(w.cancels, id)
		w.signal()
	} else {
		w.unqueue(id, its)
		w.freed()
	}
	w.endIfDone()
}

// unqueue takes back a call that was not sent.
func (w *worker) unqueue(id uint64, its *given) {
	delete(w.calls, id)
	w.queue = slices.DeleteFunc(w.queue, func(queued uint64) bool { return queued == id })
	w.unsent -= its.size
}

// freed looks for calls that can use a credit of the worker.
func (w *worker) freed() {
	w.group.pull(w)
	w.group.credited()
}

// endIfDone ends the stream of a worker that is to end and has nothing left.
func (w *worker) endIfDone() {
	switch {
	case w.draining && len(w.calls) == 0:
		w.end(nil)
	case w.leaving && !w.awaited():
		w.end(errDraining)
	}
}

// awaited reports whether somebody waits for one of its results.
func (w *worker) awaited() bool {
	for _, its := range w.calls {
		if its.call != nil {
			return true
		}
	}
	return false
}

// end ends the stream. The first reason counts.
func (w *worker) end(err error) {
	select {
	case w.ended <- err:
	default:
	}
}

func (w *worker) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// message is the next one to send, nil if there is none.
func (w *worker) message(welcome *realtimev1.AttachWelcome) *realtimev1.AttachResponse {
	w.group.mu.Lock()
	defer w.group.mu.Unlock()
	switch {
	case w.over:
		return nil
	case !w.greeted:
		w.greeted = true
		return &realtimev1.AttachResponse{Message: &realtimev1.AttachResponse_Welcome{Welcome: welcome}}
	case w.ping:
		w.ping = false
		return &realtimev1.AttachResponse{Message: &realtimev1.AttachResponse_Ping{Ping: &realtimev1.AttachPing{}}}
	case w.move:
		w.move = false
		return &realtimev1.AttachResponse{Message: &realtimev1.AttachResponse_Move{Move: &realtimev1.AttachMove{}}}
	}
	if m := w.cancel(); m != nil {
		return m
	}
	return w.call()
}

// cancel is the next cancel to send.
func (w *worker) cancel() *realtimev1.AttachResponse {
	for len(w.cancels) > 0 {
		id := w.cancels[0]
		w.cancels = w.cancels[1:]
		if w.calls[id] != nil { // else it has answered meanwhile
			return &realtimev1.AttachResponse{Message: &realtimev1.AttachResponse_Cancel{Cancel: &realtimev1.AttachCancel{Id: id}}}
		}
	}
	w.cancels = nil
	return nil
}

// call is the next call to send.
func (w *worker) call() *realtimev1.AttachResponse {
	if len(w.queue) == 0 {
		w.queue = nil
		return nil
	}
	its := w.calls[w.queue[0]]
	w.queue = w.queue[1:]
	its.sent = true
	stuck := w.unsent >= maxUnsent
	w.unsent -= its.size
	if stuck {
		w.freed()
	}
	return &realtimev1.AttachResponse{Message: &realtimev1.AttachResponse_Call{Call: its.call.message()}}
}
