package cluster

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	clusterv1 "github.com/seed52a35d2d/realtime-server/gen/realtime/cluster/v1"
)

// Coverage says how many other nodes were asked, and how many have answered.
type Coverage struct{ Asked, Answered int }

// Complete reports whether all have answered.
func (c Coverage) Complete() bool { return c.Answered >= c.Asked }

// Asking is a call that other nodes answer.
type Asking struct {
	To   Audience
	Call *clusterv1.Call
	// Take gets every reply, one after another, and the tag of the node that it
	// is from.
	Take func(from string, r *clusterv1.Reply)
	// Nodes, if not nil, is told how many other nodes have got the call, between
	// calls of Take, whenever that is known better.
	Nodes func(n int)
}

// maxReplies is how many bytes of replies to one call may wait to be taken.
const maxReplies = 16 << 20

// asked are the calls whose replies are waited for.
type asked struct {
	last atomic.Uint64

	mu    sync.Mutex // stands alone
	calls map[uint64]*ask
}

// ask is one of them.
type ask struct {
	more chan struct{} // there is something to look at; holds one signal

	mu       sync.Mutex // stands alone
	queue    []heard
	bytes    int
	answered int  // nodes that have said their last word, this one included
	echoes   int  // of the call itself, as far as this node hears it
	lost     bool // a reply found no room
}

// heard is a reply, and whose it is.
type heard struct {
	from  string
	reply *clusterv1.Reply
}

// Tell hands a call to the nodes of an audience, and does not ask what they
// make of it. The error says that some may not have got it.
func (c *Cluster) Tell(ctx context.Context, to Audience, call *clusterv1.Call) error {
	_, err := c.spread(ctx, to, call)
	return err
}

// spread publishes a call on every channel of an audience, and returns how many
// nodes have received it.
func (c *Cluster) spread(ctx context.Context, to Audience, call *clusterv1.Call) (receivers int, err error) {
	for _, channel := range to {
		n, failed := c.publish(ctx, channel, &clusterv1.Message{Body: &clusterv1.Message_Call{Call: call}})
		receivers += n
		err = errors.Join(err, failed)
	}
	return receivers, err
}

func (c *Cluster) publish(ctx context.Context, channel string, m *clusterv1.Message) (receivers int, err error) {
	self := c.Self()
	m.Tag, m.Generation, m.Sequence = self.Tag, self.Generation, c.sent.next(channel)
	payload, err := proto.Marshal(m)
	if err != nil {
		return 0, err
	}
	return c.Bus.Publish(ctx, channel, payload)
}

// Ask hands a call to the nodes of an audience until all of them have said their
// last word, or ctx ends: that is no error, but what Coverage tells. The error
// says that some nodes may not have got the call.
func (c *Cluster) Ask(ctx context.Context, q Asking) (Coverage, error) {
	if len(q.To) == 0 {
		return Coverage{}, nil
	}
	a := c.asked.begin(q.Call)
	defer c.asked.end(q.Call)
	if deadline, ok := ctx.Deadline(); ok {
		q.Call.Patience = durationpb.New(time.Until(deadline))
	}
	receivers, err := c.spread(ctx, q.To, q.Call)
	for {
		replies, answered, echoes := a.next()
		for _, h := range replies {
			q.Take(h.from, h.reply)
		}
		if q.Nodes != nil {
			q.Nodes(receivers - echoes)
		}
		// This node hears its own call where it listens to the channel.
		if answered+echoes >= receivers {
			return a.coverage(receivers), err
		}
		select {
		case <-a.more:
		case <-ctx.Done():
			return a.coverage(receivers), err
		}
	}
}

func (s *asked) begin(call *clusterv1.Call) *ask {
	call.Id = s.last.Add(1)
	a := &ask{more: make(chan struct{}, 1)}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[call.GetId()] = a
	return a
}

func (s *asked) end(call *clusterv1.Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.calls, call.GetId())
}

// find returns nil for a call that is over.
func (s *asked) find(id uint64) *ask {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[id]
}

// put takes a reply. It is false if there is no room for it.
func (a *ask) put(from string, r *clusterv1.Reply) bool {
	size := proto.Size(r)
	a.mu.Lock()
	defer a.mu.Unlock()
	fits := a.bytes+size <= maxReplies
	if fits {
		a.queue = append(a.queue, heard{from, r})
		a.bytes += size
	} else {
		a.lost = true
	}
	if !r.GetMore() {
		a.answered++
	}
	a.signal()
	return fits
}

// echo notes that this node has heard its own call.
func (a *ask) echo() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.echoes++
	a.signal()
}

func (a *ask) signal() {
	select {
	case a.more <- struct{}{}:
	default:
	}
}

// next takes the replies that have come, and says how far the call is.
func (a *ask) next() (replies []heard, answered, echoes int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	replies, a.queue, a.bytes = a.queue, nil, 0
	return replies, a.answered, a.echoes
}

// coverage is what became of a call that so many nodes have received. One whose
// reply was lost counts as silent.
func (a *ask) coverage(receivers int) Coverage {
	a.mu.Lock()
	defer a.mu.Unlock()
	cov := Coverage{Asked: max(0, receivers-a.echoes), Answered: a.answered}
	if a.lost {
		cov.Answered = min(cov.Answered, cov.Asked-1)
	}
	return cov
}
