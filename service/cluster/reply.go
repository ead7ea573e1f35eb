package cluster

import (
	"context"
	"sync"
	"time"

	clusterv1 "github.com/seed52a35d2d/realtime-server/gen/realtime/cluster/v1"
)

// Bounds of what is done for others: answers that wait to be sent, those that
// are being sent, and calls that take long.
const (
	maxWaiting = 4096
	maxSending = 64
	maxLater   = 1024
)

// defaultPatience is how long a call may take whose caller has not said.
const defaultPatience = 10 * time.Second

// answer is a reply that is to be sent, or what will make replies.
type answer struct {
	channel string
	call    *clusterv1.Call
	reply   *clusterv1.Reply
	later   Later
}

// replies sends what other nodes have asked for. A call's patience ends the work
// on it.
type replies struct {
	cluster *Cluster
	queue   chan answer
	sending chan struct{} // holds one for each
	later   chan struct{} // likewise
	working sync.WaitGroup
}

func newReplies(c *Cluster) *replies {
	return &replies{
		cluster: c, queue: make(chan answer, maxWaiting),
		sending: make(chan struct{}, maxSending), later: make(chan struct{}, maxLater),
	}
}

// put is false if too many wait already: the caller then learns that this node
// was silent.
func (r *replies) put(a answer) bool {
	select {
	case r.queue <- a:
		return true
	default:
		return false
	}
}

// run works until ctx ends.
func (r *replies) run(ctx context.Context) {
	for {
		select {
		case a := <-r.queue:
			if a.later != nil {
				r.startLater(ctx, a)
			} else if !r.startSending(ctx, a) {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// startSending sends a reply once there is a place. It is false if ctx ends
// before.
func (r *replies) startSending(ctx context.Context, a answer) bool {
	select {
	case r.sending <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	r.working.Go(func() {
		defer func() { <-r.sending }()
		r.work(ctx, a)
	})
	return true
}

// startLater begins what takes long. Without a place this node is silent: what
// others have asked for meanwhile must not wait for it.
func (r *replies) startLater(ctx context.Context, a answer) {
	select {
	case r.later <- struct{}{}:
	default:
		r.cluster.metrics.repliesLost.Inc()
		return
	}
	r.working.Go(func() {
		defer func() { <-r.later }()
		r.work(ctx, a)
	})
}

// wait returns when all work has ended.
func (r *replies) wait() { r.working.Wait() }

func (r *replies) work(ctx context.Context, a answer) {
	patience := defaultPatience
	if p := a.call.GetPatience(); p != nil {
		patience = p.AsDuration()
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	send := func(reply *clusterv1.Reply) {
		reply.Call = a.call.GetId()
		_, err := r.cluster.publish(ctx, a.channel, &clusterv1.Message{Body: &clusterv1.Message_Reply{Reply: reply}})
		if err != nil {
			r.cluster.metrics.repliesLost.Inc()
		}
	}
	if a.later != nil {
		a.later(ctx, send)
		return
	}
	send(a.reply)
}
