package attach

import (
	"testing"

	"github.com/seed52a35d2d/realtime-server/internal/testenv"
)

// BenchmarkCall is a call for a worker of this node, and of another one.
func BenchmarkCall(b *testing.B) {
	b.Run("here", func(b *testing.B) {
		w := newWorld(b)
		callAll(b, w, w.attach(b, 256))
	})
	b.Run("elsewhere", func(b *testing.B) {
		redis := testenv.StartRedis(b)
		here, there := join(b, redis, "aaaa"), join(b, redis, "bbbb")
		r := there.attach(b, 256)
		here.knows(b, 256)
		callAll(b, here.world, r)
	})
}

// callAll makes calls one after another.
func callAll(b *testing.B, w *world, r *raw) {
	b.Helper()
	ended := make(chan struct{})
	answering := make(chan struct{})
	go func() {
		defer close(answering)
		for {
			select {
			case call := <-r.calls:
				r.answer(call)
			case <-ended:
				return
			}
		}
	}()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.backend.OnEvent(b.Context(), eventRequest("x")); err != nil {
			b.Fatal(err)
		}
	}
	close(ended)
	<-answering
}
