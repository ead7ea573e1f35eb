package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seed52a35d2d/realtime-server/bench/internal/client"
	"github.com/seed52a35d2d/realtime-server/bench/internal/process"
	"github.com/seed52a35d2d/realtime-server/bench/load"
	"github.com/seed52a35d2d/realtime-server/internal/testenv"
)

// fleet is a number of nodes and their Redis. The first node is the one that
// sends.
type fleet struct {
	kind

	t     *testing.T
	redis *testenv.Redis
	nodes []*node
	pids  []int // of the nodes, and of Redis at last
}

func (k kind) fleet(t *testing.T, nodes int) *fleet {
	t.Helper()
	f := &fleet{kind: k, t: t, redis: testenv.StartRedis(t)}
	for range nodes {
		f.add(k.start(t, f.redis.Address()))
	}
	return f.complete()
}

// alone is one node, and a Redis of which it does not know.
func (k kind) alone(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{kind: k, t: t, redis: testenv.StartRedis(t)}
	f.add(k.start(t, ""))
	return f.complete()
}

func (f *fleet) add(n *node) {
	f.nodes = append(f.nodes, n)
	f.pids = append(f.pids, n.PID)
}

func (f *fleet) complete() *fleet {
	f.t.Helper()
	f.pids = append(f.pids, f.info("server", "process_id"))
	f.settle()
	return f
}

// info is a number that Redis knows of itself.
func (f *fleet) info(section, field string) int {
	f.t.Helper()
	_, rest, _ := strings.Cut(fmt.Sprint(f.redis.Do("INFO", section)), "\n"+field+":")
	line, _, _ := strings.Cut(rest, "\r")
	n, err := strconv.Atoi(line)
	if err != nil {
		f.t.Fatalf("INFO %s: %s: %v", section, field, err)
	}
	return n
}

// usage is processor time: of each node, and of Redis.
type usage struct {
	nodes []time.Duration
	redis time.Duration
}

// used is what the processes have used so far.
func (f *fleet) used() []time.Duration {
	f.t.Helper()
	used := make([]time.Duration, len(f.pids))
	for i, pid := range f.pids {
		var err error
		if used[i], err = process.CPU(pid); err != nil {
			f.t.Fatalf("%s: %v", f.name, err)
		}
	}
	return used
}

// cost is what they use for a piece of work, until all is quiet again.
func (f *fleet) cost(work func() error) (usage, error) {
	f.t.Helper()
	before := f.used()
	err := work()
	f.settle()
	used := f.used()
	for i := range used {
		used[i] -= before[i]
	}
	last := len(used) - 1
	return usage{used[:last], used[last]}, err
}

// sum is what some nodes have used together.
func sum(nodes []time.Duration) (total time.Duration) {
	for _, used := range nodes {
		total += used
	}
	return total
}

// all is what everybody has used.
func (u usage) all() time.Duration { return sum(u.nodes) + u.redis }

// settle waits until no process does more than now and then.
func (f *fleet) settle() {
	f.t.Helper()
	const (
		look  = 20 * time.Millisecond
		quiet = time.Millisecond // of processor time in between
		calm  = 3                // so many looks in a row
		looks = 500              // at most
	)
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	before := f.used()
	for seen, row := 0, 0; seen < looks && row < calm; seen++ {
		<-ticker.C
		now := f.used()
		row++
		for i := range now {
			if now[i]-before[i] >= quiet {
				row = 0
			}
		}
		before = now
	}
}

// lifetime is how long clients live at most, and so a measurement. silence is
// how long nothing comes until what is missing is lost.
const (
	lifetime = 2 * time.Minute
	silence  = 5 * time.Second
)

// crowd lets clients connect, so many to each of some nodes, and does something
// with them.
func (f *fleet) crowd(nodes []*node, each int, do func(ctx context.Context, c crowd) error) error {
	ctx, cancel := context.WithTimeout(f.t.Context(), lifetime)
	defer cancel()
	c := crowd{fleet: f, nodes: nodes}
	defer f.settle() // the nodes have forgotten them
	defer c.close()
	for _, n := range nodes {
		clients, _, err := load.Entry{Address: n.Addresses["http"], Concurrency: 50}.Connect(ctx, each)
		c.clients = append(c.clients, clients)
		if err != nil {
			return err
		}
	}
	f.settle()
	return do(ctx, c)
}

// crowd are clients, by their node.
type crowd struct {
	*fleet

	nodes   []*node
	clients [][]*client.Conn
}

func (c *crowd) close() {
	for _, conn := range slices.Concat(c.clients...) {
		conn.Close()
	}
}

// join makes all clients members of rooms.
func (c *crowd) join(ctx context.Context, r rooms) error {
	for i, n := range c.nodes {
		if err := n.join(ctx, c.clients[i], r); err != nil {
			return fmt.Errorf("join: %w", err)
		}
	}
	return nil
}

// leave ends that.
func (c *crowd) leave(ctx context.Context, r rooms) error {
	for i, n := range c.nodes {
		if err := n.leave(ctx, c.clients[i], r); err != nil {
			return fmt.Errorf("leave: %w", err)
		}
	}
	return nil
}

// job is a number of events.
type job struct {
	to        rooms
	numbers   int // one event for each, and each group
	parallel  int // so many at once
	perSecond int
}

const (
	// atOnce is a pace that nobody reaches.
	atOnce = 1_000_000
	// payload is how many bytes of text an event has.
	payload = 128
	// many is how many events the sender has under way at once, where it does
	// not send one after another.
	many = 16
)

// flights are what is compared.
var flights = []int{1, many}

// outcome is what a job has cost.
type outcome struct {
	usage
	load.Counts

	took time.Duration
}

// send has the first node send, and follows the events to all clients. With a
// stopwatch they are sent one at a time.
func (c *crowd) send(ctx context.Context, j job, watch *load.Stopwatch) (outcome, error) {
	var o outcome
	d := load.Delivery{
		Sender: c.fleet.nodes[0].sender(j.to), Clients: slices.Concat(c.clients...), Patience: silence,
		Pace:     load.Pace{PerSecond: j.perSecond, Total: j.numbers},
		Parallel: j.parallel, Payload: payload, Stopwatch: watch,
	}
	var err error
	o.usage, err = c.cost(func() (err error) {
		o.Counts, o.took, err = d.Run(ctx)
		return err
	})
	return o, c.judge(o.Counts, err)
}

var errWrong = errors.New("not everything has come, or not once")

// judge says whether a delivery counts. A lossy server may lose, but not
// everything.
func (f *fleet) judge(counts load.Counts, err error) error {
	switch {
	case f.lossy && counts.Received() > 0 && (err == nil || errors.Is(err, load.ErrSilent)):
		return nil
	case err == nil && counts.Lost+counts.Repeated > 0:
		return fmt.Errorf("%w: %v", errWrong, counts)
	}
	return err
}
