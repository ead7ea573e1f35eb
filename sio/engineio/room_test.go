package engineio

import (
	"errors"
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// sized makes a frame that counts for so many bytes in a queue.
func sized(t *testing.T, size int, options Options) *Frame {
	t.Helper()
	overhead := NewFrame(nil, nil, options).size()
	for _, header := range []int{0, 2} { // longer messages have longer headers
		if f := NewFrame(make([]byte, size-overhead-header), nil, options); f.size() == size {
			return f
		}
	}
	t.Fatalf("no frame has %d bytes", size)
	return nil
}

// TestVolatileFramesGoFirst fills a queue, that somebody is about to write, to
// the byte.
func TestVolatileFramesGoFirst(t *testing.T) {
	server := &Server{cfg: Config{MaxQueue: 10_000}, metrics: newMetrics(prometheus.NewRegistry())}
	tally := NewTally(4)
	volatile := func(size int) *Frame { return sized(t, size, Options{Volatile: true, Tally: tally}) }
	solid := func(size int) *Frame { return sized(t, size, Options{}) }
	first, v1, second, v2, v3 := solid(1000), volatile(2000), solid(3000), volatile(2000), volatile(2000)

	s := &Session{server: server, state: stateOpen, ws: &wsConn{}}
	s.out.writing = true
	queue := func(f *Frame, want error) {
		t.Helper()
		if flush, err := s.Queue(f); !errors.Is(err, want) || flush != (want != nil) {
			t.Fatalf("Queue = %v, %v, want %v", flush, err, want)
		}
	}
	holds := func(bytes int, frames ...*Frame) {
		t.Helper()
		if !slices.Equal(s.out.frames, frames) || s.out.bytes != bytes {
			t.Fatalf("%d frames of %d bytes, want %d of %d", len(s.out.frames), s.out.bytes, len(frames), bytes)
		}
	}
	for _, f := range []*Frame{first, v1, second, v2, v3} {
		queue(f, nil)
	}
	holds(10_000, first, v1, second, v2, v3)

	queue(volatile(200), nil) // finds no place, and takes nobody's
	holds(10_000, first, v1, second, v2, v3)

	third := solid(1500)
	queue(third, nil) // the oldest is enough
	holds(9500, first, second, v2, v3, third)

	fourth := solid(500)
	queue(fourth, nil)
	holds(10_000, first, second, v2, v3, third, fourth)

	fifth := solid(2001)
	queue(fifth, nil) // one byte more than the next one frees
	holds(8001, first, second, third, fourth, fifth)
	if o := tally.Wait(t.Context()); o.Dropped != 4 {
		t.Errorf("%+v", o)
	}

	queue(solid(1999), nil)
	queue(solid(200), ErrSlowConsumer)
	if !s.out.full {
		t.Error("the session is not to be closed")
	}
}

// TestVolatileFramesAreNotGivenUpInVain: where they would not make room enough,
// they stay with the rest.
func TestVolatileFramesAreNotGivenUpInVain(t *testing.T) {
	server := &Server{cfg: Config{MaxQueue: 1000}, metrics: newMetrics(prometheus.NewRegistry())}
	s := &Session{server: server, state: stateOpen, ws: &wsConn{}}
	s.out.writing = true
	for _, f := range []*Frame{sized(t, 300, Options{Volatile: true}), sized(t, 700, Options{})} {
		if _, err := s.Queue(f); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Queue(sized(t, 301, Options{})); !errors.Is(err, ErrSlowConsumer) || len(s.out.frames) != 2 {
		t.Errorf("%v, %d frames", err, len(s.out.frames))
	}
}
