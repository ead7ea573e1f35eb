package compare

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed52a35d2d/realtime-server/bench/internal/client"
	"github.com/seed52a35d2d/realtime-server/bench/internal/report"
	"github.com/seed52a35d2d/realtime-server/bench/load"
)

// measure is something that is done with each subject in turn, and that fills
// a row or two of the table.
type measure struct {
	rows []*report.Row
	run  func(s *subject) ([]report.Value, error)
}

// sizes say how much of everything is done.
type sizes struct {
	visits, held, talkers, echoes, paced, perSecond int
	audiences                                       []int
	deliveries, broadcasts                          int // at least so many of each
}

func chosen() sizes {
	if *full {
		return sizes{
			visits: 5_000, held: 10_000, talkers: 50, echoes: 1_000, paced: 100, perSecond: 10,
			audiences: []int{1_000, 10_000}, deliveries: 300_000, broadcasts: 32,
		}
	}
	return sizes{visits: 100, held: 100, talkers: 10, echoes: 50, paced: 10, perSecond: 100, audiences: []int{50}, deliveries: 1_000, broadcasts: 32}
}

// job is one broadcast, so many times.
type job struct{ audience, bytes, parallel, count, perSecond int }

// atOnce is a pace that nobody reaches.
const atOnce = 1_000_000

// measures are all. The first one needs servers that nobody has used much.
func measures() []measure {
	z := chosen()
	all := []measure{
		{
			[]*report.Row{{Name: "idle connection", Unit: "KB resident", Drawn: true}},
			func(s *subject) ([]report.Value, error) { return s.idle(z.held) },
		},
		{
			[]*report.Row{{Name: "connect", Unit: "µs CPU", Drawn: true}},
			func(s *subject) ([]report.Value, error) { return s.connect(z.visits) },
		},
		{
			[]*report.Row{{Name: "event with ack", Unit: "µs CPU", Drawn: true}},
			func(s *subject) ([]report.Value, error) { return s.echo(z.talkers, z.echoes) },
		},
	}
	for _, clients := range z.audiences {
		for _, bytes := range []int{128, 1024} {
			for _, parallel := range []int{1, 16} {
				all = append(all, delivery(job{clients, bytes, parallel, max(z.broadcasts, z.deliveries/clients), atOnce}))
			}
		}
	}
	paced := job{z.audiences[0], 128, 1, z.paced, z.perSecond}
	name := fmt.Sprintf("latency to %d × %d B, %d events/s", paced.audience, paced.bytes, paced.perSecond)
	return append(all, measure{
		[]*report.Row{{Name: name + ", p50", Unit: "ms"}, {Name: name + ", p99", Unit: "ms", Drawn: true}},
		func(s *subject) ([]report.Value, error) { return s.latency(paced) },
	})
}

func delivery(j job) measure {
	name := fmt.Sprintf("delivery to %d × %d B, %d in flight", j.audience, j.bytes, j.parallel)
	return measure{
		[]*report.Row{{Name: name, Unit: "µs CPU", Drawn: j.bytes == 128}, {Name: name, Unit: "1,000/s", More: true}},
		func(s *subject) ([]report.Value, error) { return s.deliver(j) },
	}
}

// idle is what each of many idle connections adds to the resident memory. A
// few have been there before, for whatever a server makes once.
func (s *subject) idle(held int) ([]report.Value, error) {
	_ = s.crowd(max(10, held/100), func(context.Context, []*client.Conn) error { return nil }) // the next says if it fails
	s.settle()
	before := s.process.Resident(s.t)
	values := make([]report.Value, 1)
	err := s.crowd(held, func(context.Context, []*client.Conn) error {
		s.settle()
		values[0].Number = float64(s.process.Resident(s.t)-before) / 1024 / float64(held)
		return nil
	})
	return values, err
}

// connect is the cost of a connection that does nothing, its end included.
func (s *subject) connect(visits int) ([]report.Value, error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), lifetime)
	defer cancel()
	values := make([]report.Value, 1)
	var answered int
	var failed error
	used := s.cost(func() {
		answered, failed = s.entry(1).Visit(ctx, visits)
		s.settle()
	})
	if s.lossy && answered > visits/2 {
		failed = nil // it is reported as lost
	}
	values[0] = per(used, answered)
	values[0].Lost, values[0].Sent = visits-answered, visits
	return values, failed
}

// echo is the cost of an event that is acknowledged.
func (s *subject) echo(talkers, echoes int) ([]report.Value, error) {
	values := make([]report.Value, 1)
	err := s.crowd(talkers, func(_ context.Context, conns []*client.Conn) (err error) {
		used := s.cost(func() { err = load.RoundTrips(conns, echoes) })
		values[0] = per(used, talkers*echoes)
		return err
	})
	return values, err
}

// deliver is the cost of an event that arrives, and how many do in a second.
func (s *subject) deliver(j job) ([]report.Value, error) {
	values := make([]report.Value, 2)
	err := s.crowd(j.audience, func(ctx context.Context, conns []*client.Conn) error {
		d := load.Delivery{
			Sender: s.sender(s.t, s.process, j.audience), Clients: conns, Patience: silence,
			Pace:     load.Pace{PerSecond: j.perSecond, Total: max(2*j.parallel, j.count/s.share)},
			Parallel: j.parallel, Payload: j.bytes,
		}
		var counts load.Counts
		var elapsed time.Duration
		var err error
		used := s.cost(func() { counts, elapsed, err = d.Run(ctx) })
		values[0] = per(used, counts.Received())
		values[1].Number = float64(counts.Received()) / 1000 / elapsed.Seconds()
		for i := range values {
			values[i].Lost, values[i].Sent = counts.Lost, counts.Sent
		}
		return s.judge(counts, err)
	})
	return values, err
}

// latency is how long an event of a quiet server takes from the trigger to
// each client.
func (s *subject) latency(j job) ([]report.Value, error) {
	values := make([]report.Value, 2)
	err := s.crowd(j.audience, func(ctx context.Context, conns []*client.Conn) error {
		watch := load.NewStopwatch(j.audience, j.count)
		d := load.Delivery{
			Sender: s.sender(s.t, s.process, j.audience), Clients: conns, Patience: silence,
			Pace: load.Pace{PerSecond: j.perSecond, Total: j.count}, Parallel: 1, Payload: j.bytes, Stopwatch: watch,
		}
		counts, _, err := d.Run(ctx)
		for i, took := range watch.Percentiles(50, 99) {
			values[i] = report.Value{Number: took.Seconds() * 1000, Lost: counts.Lost, Sent: counts.Sent}
		}
		return s.judge(counts, err)
	})
	return values, err
}

// judge says whether a delivery counts. A lossy server may lose, but not
// everything.
func (s *subject) judge(counts load.Counts, err error) error {
	switch {
	case s.lossy && counts.Received() > 0 && (err == nil || errors.Is(err, load.ErrSilent)):
		return nil
	case err == nil && counts.Lost+counts.Repeated > 0:
		return fmt.Errorf("%w: %v", errWrong, counts)
	}
	return err
}
