package bridge

import (
	"context"
	"sync"
)

// Bounds of what is done for others: what waits to be answered, in messages and
// in their bytes, how many are being answered, and how many events wait for
// acknowledgements.
const (
	maxWaiting      = 4096
	maxWaitingBytes = 32 << 20
	maxAnswering    = 8
	maxLong         = 1024
)

// queue does what takes a while: answers are not sent by who hears the questions.
type queue struct {
	metrics *metrics
	jobs    chan job
	places  chan struct{} // holds one for each that is long
	begun   chan func(context.Context)

	mu    sync.Mutex // stands alone
	bytes int        // of what waits
}

// job is an answer to be made of a message of so many bytes.
type job struct {
	size int
	do   func(context.Context)
}

func newQueue(m *metrics) *queue {
	return &queue{
		metrics: m, jobs: make(chan job, maxWaiting),
		places: make(chan struct{}, maxLong), begun: make(chan func(context.Context), maxLong),
	}
}

// put has something done later. Without room it is not done: who has asked learns
// that this node is silent.
func (q *queue) put(size int, do func(context.Context)) {
	if q.reserve(size) {
		select {
		case q.jobs <- job{size, do}:
			return
		default:
			q.free(size)
		}
	}
	q.metrics.answersLost.Inc()
}

func (q *queue) reserve(size int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.bytes+size > maxWaitingBytes {
		return false
	}
	q.bytes += size
	return true
}

func (q *queue) free(size int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.bytes -= size
}

// beginLong takes a place for something that takes long; false if there is none.
// long or endLong follows.
func (q *queue) beginLong() bool {
	select {
	case q.places <- struct{}{}:
		return true
	default:
		return false
	}
}

// endLong gives the place back.
func (q *queue) endLong() { <-q.places }

// long has something done, now, in the place that was taken. There is room for
// all places.
func (q *queue) long(do func(context.Context)) { q.begun <- do }

// run works until ctx ends, and returns when all work has ended.
func (q *queue) run(ctx context.Context) {
	var working sync.WaitGroup
	defer working.Wait()
	for range maxAnswering {
		working.Go(func() { q.answer(ctx) })
	}
	for {
		select {
		case do := <-q.begun:
			working.Go(func() {
				defer q.endLong()
				do(ctx)
			})
		case <-ctx.Done():
			q.drain(ctx)
			return
		}
	}
}

// drain lets what was begun and not taken up end.
func (q *queue) drain(ctx context.Context) {
	for {
		select {
		case do := <-q.begun:
			do(ctx)
			q.endLong()
		default:
			return
		}
	}
}

// answer works on one thing after another until ctx ends.
func (q *queue) answer(ctx context.Context) {
	for {
		select {
		case j := <-q.jobs:
			j.do(ctx)
			q.free(j.size)
		case <-ctx.Done():
			return
		}
	}
}
