package bridge

import (
	"bytes"
	"cmp"
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/seed52a35d2d/realtime-server/sio/nodewire"
)

// maxAnswers is how many bytes of answers to one request may wait to be read.
const maxAnswers = 32 << 20

// requests are ours whose answers are waited for. Their ids are this node's uid
// and a number.
type requests struct {
	uid string // immutable

	mu      sync.Mutex // stands alone
	last    uint64
	waiting map[uint64]*request
}

// request is one of them. Its answers wait as they have come: whoever has asked
// reads them, and not the one goroutine that hears everything.
type request struct {
	id     string
	number uint64
	more   chan struct{} // there is something to take; holds one signal

	mu      sync.Mutex // stands alone
	answers [][]byte
	bytes   int
}

func (s *requests) begin() *request {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	r := &request{id: s.uid + "-" + strconv.FormatUint(s.last, 10), number: s.last, more: make(chan struct{}, 1)}
	s.waiting[r.number] = r
	return r
}

func (s *requests) end(r *request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.waiting, r.number)
}

// find looks for the id of a request of ours in an answer, of which nothing else
// is read. ours is false if there is none: in the classic dialect every server
// hears all answers. The request is nil if it is over.
func (s *requests) find(answer []byte) (r *request, ours bool) {
	_, rest, ours := bytes.Cut(answer, []byte(s.uid+"-"))
	end := 0
	for end < len(rest) && '0' <= rest[end] && rest[end] <= '9' {
		end++
	}
	number, err := strconv.ParseUint(string(rest[:end]), 10, 64)
	if !ours || err != nil {
		return nil, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waiting[number], true
}

// put takes an answer. It is false if there is no room for it.
func (r *request) put(answer []byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.bytes+len(answer) > maxAnswers {
		return false
	}
	r.answers = append(r.answers, answer)
	r.bytes += len(answer)
	select {
	case r.more <- struct{}{}:
	default:
	}
	return true
}

// take returns the answers that have come.
func (r *request) take() [][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	answers := r.answers
	r.answers, r.bytes = nil, 0
	return answers
}

// hearAnswer takes what came on a channel of answers.
func (b *Bridge) hearAnswer(_ string, payload []byte) {
	r, ours := b.requests.find(payload)
	switch {
	case !ours: // another server has asked
	case r == nil || !r.put(payload):
		b.metrics.answersLost.Inc()
	}
}

// recountEvery is how often it is looked whether servers that have not answered
// are still there.
const recountEvery = 500 * time.Millisecond

// awaited is a request to a namespace's servers that is under way.
type awaited struct {
	*request
	namespace string
	enough    func() bool
	take      func(m *nodewire.Message, size int)
	// servers is told how many there are now.
	servers func(n int)
}

// await reads the answers to a request, one after another, until there are enough
// or ctx ends. Who dies meanwhile is not waited for.
func (b *Bridge) await(ctx context.Context, a awaited) {
	recount := time.NewTicker(recountEvery)
	defer recount.Stop()
	for !a.enough() {
		select {
		case <-a.more:
			b.takeAnswers(ctx, a)
		case <-recount.C:
			if n, err := b.dialect.servers(ctx, a.namespace); err == nil {
				a.servers(n)
			}
		case <-ctx.Done():
			return
		}
	}
}

func (b *Bridge) takeAnswers(ctx context.Context, a awaited) {
	for _, payload := range a.request.take() {
		m, err := b.dialect.answer(payload)
		if err == nil && m.RequestID == a.id {
			b.metrics.received.WithLabelValues(m.Kind.String()).Inc()
			a.take(m, len(payload))
			continue
		}
		b.garbled(ctx, cmp.Or(err, nodewire.ErrFormat))
	}
}
