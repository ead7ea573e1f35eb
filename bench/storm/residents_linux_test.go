package storm

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/seed52a35d2d/realtime-server/bench/internal/client"
	"github.com/seed52a35d2d/realtime-server/bench/load"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

// residents are clients that keep their connection. They are sent events, and emit
// some that the backend acknowledges.
type residents struct {
	api   realtimev1.RealtimeClient
	conns []*client.Conn
	zero  time.Time

	readers errgroup.Group
	sent    atomic.Int64 // events to the room
	heard   atomic.Int64 // by all
	asked   atomic.Int64
	failed  atomic.Int64 // acknowledgements that are errors

	mu    sync.Mutex
	watch *watches
}

// watches time both directions.
type watches struct{ deliveries, answers *load.Stopwatch }

// The pace of both directions, in all.
const (
	eventsPerSecond = 10
	asksPerSecond   = 50
)

func settle(ctx context.Context, address string, api realtimev1.RealtimeClient, count int) (*residents, error) {
	r := &residents{api: api, zero: time.Now()}
	r.measured()
	for i := range count {
		conn, err := client.DialAs(ctx, address, authOf(fmt.Sprint("resident ", i)))
		if err != nil {
			return nil, err
		}
		r.conns = append(r.conns, conn)
		r.readers.Go(func() error { return r.read(conn) })
	}
	return r, nil
}

// measured is what was measured since it was called before.
func (r *residents) measured() *watches {
	r.mu.Lock()
	defer r.mu.Unlock()
	watch := r.watch
	r.watch = &watches{load.NewStopwatch(1, 0), load.NewStopwatch(1, 0)}
	return watch
}

// read takes what comes for one of them. Events and acknowledgements carry the time
// at which they were sent.
func (r *residents) read(conn *client.Conn) error {
	for {
		packet, err := conn.Receive()
		if err != nil {
			return err
		}
		if err := r.take(string(packet)); err != nil {
			return err
		}
	}
}

func (r *residents) take(packet string) error {
	now := time.Since(r.zero)
	text, isEvent := strings.CutPrefix(packet, `2["tick",`)
	if !isEvent {
		text = strings.TrimPrefix(packet, "3")
	}
	sent, answer, _ := strings.Cut(strings.TrimSuffix(text, "]"), "[")
	at, err := strconv.ParseInt(sent, 10, 64)
	if err != nil {
		return fmt.Errorf("%q: %w", packet, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case isEvent:
		r.heard.Add(1)
		r.watch.deliveries.Note(0, now-time.Duration(at))
	case strings.Contains(answer, "error"):
		r.failed.Add(1)
	default:
		r.watch.answers.Note(0, now-time.Duration(at))
	}
	return nil
}

// live sends events in both directions until ctx ends.
func (r *residents) live(ctx context.Context) error {
	var both errgroup.Group
	both.Go(func() error { return every(ctx, time.Second/eventsPerSecond, r.tick) })
	both.Go(func() error { return every(ctx, time.Second/asksPerSecond, r.ask) })
	return both.Wait()
}

func (r *residents) tick() error {
	event := &realtimev1.Event{Name: "tick", Args: []*realtimev1.Arg{
		{Kind: &realtimev1.Arg_Json{Json: strconv.FormatInt(int64(time.Since(r.zero)), 10)}},
	}}
	r.sent.Add(1)
	_, err := r.api.Send(context.Background(), &realtimev1.SendRequest{
		Target: &realtimev1.Target{Rooms: []string{room}}, Event: event,
	})
	return err
}

// ask emits an event whose acknowledgement id is the time.
func (r *residents) ask() error {
	n := r.asked.Add(1)
	return r.conns[int(n)%len(r.conns)].Send(fmt.Sprintf(`2%d["ask"]`, time.Since(r.zero)))
}

// complete waits a while until every resident has got every event.
func (r *residents) complete(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		want, got := r.sent.Load()*int64(len(r.conns)), r.heard.Load()
		if got == want {
			return nil
		}
		if !pause(ctx, 10*time.Millisecond) {
			return fmt.Errorf("residents have heard %d of %d events", got, want)
		}
	}
}

// leave ends the connections.
func (r *residents) leave() {
	for _, conn := range r.conns {
		_ = conn.Close() // its reader sees it
	}
	_ = r.readers.Wait() // they say that they were closed
}

// every does something at a pace until ctx ends, or it fails.
func every(ctx context.Context, pause time.Duration, do func() error) error {
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			if err := do(); err != nil {
				return err
			}
		}
	}
}
