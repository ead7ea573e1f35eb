package service

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	clusterv1 "github.com/seed52a35d2d/realtime-server/gen/realtime/cluster/v1"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/internal/registry"
	"github.com/seed52a35d2d/realtime-server/sio"
)

const (
	// lostAtOnce is how many connections of a dead node are told at a time.
	lostAtOnce = 32
	// lostPatience is how long a backend that is away keeps this node from telling
	// of other connections. Those that were not told come again, to this node or to
	// one that reaches the backend.
	lostPatience = 30 * time.Second
	// The pauses between two attempts.
	lostFirstPause, lostLastPause = 100 * time.Millisecond, 5 * time.Second
)

// lost remembers which connections of dead nodes were told: those of a page that
// could not be told to its end come again.
type lost struct {
	mu         sync.Mutex // stands alone
	young, old map[lostConnection]struct{}
}

// maxLost is how many are remembered at least; the double at most.
const maxLost = 4096

type lostConnection struct {
	id, node   string
	generation uint64
}

// Lost tells backends of connections whose node has died (registry.Hooks.Dead),
// and returns of how many they know now. After an error some were not told. What a
// backend has answered is not repeated, whatever the answer; what may not have
// reached it is.
func (g *Gateway) Lost(ctx context.Context, node registry.Node, records []registry.Record) (told int, err error) {
	ctx, cancel := context.WithTimeout(ctx, lostPatience)
	defer cancel()
	var telling errgroup.Group
	telling.SetLimit(lostAtOnce)
	var count atomic.Int64
	for _, r := range g.ended(ctx, node, records) {
		telling.Go(func() error {
			told, err := g.tellLost(ctx, node, r)
			if told {
				count.Add(1)
			}
			return err
		})
	}
	err = telling.Wait()
	return int(count.Load()), err
}

// tellLost tells of one connection, until its backend has answered. It is false if
// there is nobody to tell, or somebody was told before.
func (g *Gateway) tellLost(ctx context.Context, node registry.Node, r registry.Record) (told bool, err error) {
	if g.lost.has(node, r) {
		return false, nil
	}
	known := knownOf(r)
	policy, ok := g.policies[known.GetPattern()]
	if !ok {
		g.log.report(ctx, trouble{"", "lost"}, fmt.Errorf("namespace %q of node %s is none of ours", known.GetPattern(), node.ID))
		return false, nil
	}
	if policy.Backend == nil {
		return false, nil
	}
	for attempt := 1; ; attempt++ {
		_, err := policy.Backend.OnDisconnected(ctx, lostRequest(node, r, known, attempt))
		failed := backendFailure(err)
		answered := failed == nil || !failed.Temporary
		if answered {
			g.lost.note(node, r)
		}
		g.metrics.lifecycle.WithLabelValues(known.GetPattern(), "lost", failed.outcome()).Inc()
		if failed != nil {
			g.log.report(ctx, trouble{known.GetPattern(), "lost"}, failed.cause)
		}
		if answered {
			return true, nil
		}
		if !pause(ctx, attempt) {
			return false, errors.Join(ctx.Err(), failed.cause)
		}
	}
}

// knownOf is what the dead node knew of a connection.
func knownOf(r registry.Record) *clusterv1.Connected {
	known := &clusterv1.Connected{}
	if err := proto.Unmarshal(r.Value, known); err != nil {
		return &clusterv1.Connected{Pattern: r.Namespace} // another version wrote it
	}
	return known
}

// pause waits before another attempt. It is false if ctx ends before.
func pause(ctx context.Context, attempt int) bool {
	d := lostLastPause
	if attempt < 8 {
		d = min(d, lostFirstPause<<(attempt-1))
	}
	timer := time.NewTimer(d/2 + rand.N(d/2)) //nolint:gosec // it is no secret
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func lostRequest(node registry.Node, r registry.Record, known *clusterv1.Connected, attempt int) *realtimev1.OnDisconnectedRequest {
	req := &realtimev1.OnDisconnectedRequest{
		Context: &realtimev1.RequestContext{
			ConnectionId: r.ID,
			Namespace:    r.Namespace,
			NodeId:       node.ID,
			Generation:   int64(node.Generation), //nolint:gosec // a time in ms
			UserId:       r.User,
			Metadata:     known.GetMetadata(),
			Attempt:      int32(attempt), //nolint:gosec // lostPatience bounds it
		},
		Reason:         sio.ReasonNodeLost.String(),
		DisconnectedAt: timestamppb.Now(),
	}
	if known.GetConnectedAt() != nil {
		lasted := req.GetDisconnectedAt().AsTime().Sub(known.GetConnectedAt().AsTime())
		req.Duration = durationpb.New(max(lasted, 0)) // clocks differ
	}
	return req
}

func (l *lost) has(node registry.Node, r registry.Record) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := lostConnection{r.ID, node.ID, node.Generation}
	_, young := l.young[c]
	_, old := l.old[c]
	return young || old
}

func (l *lost) note(node registry.Node, r registry.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.young == nil || len(l.young) >= maxLost {
		l.young, l.old = map[lostConnection]struct{}{}, l.young
	}
	l.young[lostConnection{r.ID, node.ID, node.Generation}] = struct{}{}
}
