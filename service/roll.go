package service

import (
	"context"
	"sync"
	"time"

	clusterv1 "github.com/seed52a35d2d/realtime-server/gen/realtime/cluster/v1"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/service/cluster"
)

// roll is what other nodes tell of the acknowledgements of one event. A node's
// results count only if it has said in time how many there will be, so that the
// caller hears of each connection once, or not at all.
type roll struct {
	more chan struct{} // something has changed; holds one signal

	mu      sync.Mutex // stands alone
	nodes   int        // that have got the event, as far as is known
	begun   map[string]int64
	begins  bool // the caller was told how many results follow
	counted map[string]bool
	results []*realtimev1.SendWithAckResponse
	closed  bool
	cov     cluster.Coverage
	err     error
}

func newRoll() *roll {
	return &roll{more: make(chan struct{}, 1), nodes: -1, begun: map[string]int64{}, counted: map[string]bool{}}
}

func (r *roll) signal() {
	select {
	case r.more <- struct{}{}:
	default:
	}
}

// expect notes how many nodes have got the event.
func (r *roll) expect(nodes int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.nodes = nodes
	r.signal()
}

// take notes what a node tells.
func (r *roll) take(from string, reply *clusterv1.Reply) {
	ack := reply.GetAck()
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case ack == nil: // its last word
	case ack.GetStart() != nil:
		if !r.begins {
			r.begun[from], r.counted[from] = ack.GetStart().GetMatched(), true
		}
	case r.counted[from]:
		r.results = append(r.results, ack)
	}
	r.signal()
}

// close notes that nothing more will come.
func (r *roll) close(cov cluster.Coverage, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed, r.cov, r.err = true, cov, err
	r.signal()
}

// start waits until all nodes that have got the event have said how many
// connections they have asked, or have taken too long. The error says that some
// may not have got it.
func (r *roll) start(ctx context.Context) (*realtimev1.AckStart, error) {
	patience := time.NewTimer(startPatience)
	defer patience.Stop()
	for {
		if start, err, ready := r.tryStart(false); ready {
			return start, err
		}
		select {
		case <-r.more:
		case <-patience.C:
			start, err, _ := r.tryStart(true)
			return start, err
		case <-ctx.Done():
			start, err, _ := r.tryStart(true)
			return start, err
		}
	}
}

// tryStart is not ready as long as it is worth waiting.
func (r *roll) tryStart(now bool) (start *realtimev1.AckStart, err error, ready bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.nodes >= 0 && len(r.begun) >= r.nodes
	if !now && !r.closed && !all {
		return nil, nil, false
	}
	r.begins = true
	start = &realtimev1.AckStart{Coverage: coverageOf(cluster.Coverage{Asked: max(r.nodes, 0), Answered: len(r.begun)})}
	for _, matched := range r.begun {
		start.Matched += matched
	}
	r.signal() // for what has come with it
	return start, r.err, true
}

// next takes the results that have come.
func (r *roll) next() []*realtimev1.SendWithAckResponse {
	r.mu.Lock()
	defer r.mu.Unlock()
	results := r.results
	r.results = nil
	return results
}

// over reports whether everything was taken.
func (r *roll) over() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed && len(r.results) == 0
}
