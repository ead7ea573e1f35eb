package attach

import (
	"context"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/internal/backend"
)

// TestVanished: what a worker had begun when it vanished goes to another one if it
// may be repeated, and fails at once if not. What it had not begun always does.
func TestVanished(t *testing.T) {
	repeatable := map[string]func(w *world, ctx context.Context) error{
		"Authenticate": func(w *world, ctx context.Context) error {
			_, err := w.backend.Authenticate(ctx, &realtimev1.AuthenticateRequest{Context: about("/")})
			return err
		},
		"OnDisconnected": func(w *world, ctx context.Context) error {
			_, err := w.backend.OnDisconnected(ctx, &realtimev1.OnDisconnectedRequest{Context: about("/")})
			return err
		},
		"an event that is marked": func(w *world, ctx context.Context) error {
			_, err := w.backend.OnEvent(backend.Repeatable(ctx), eventRequest("x"))
			return err
		},
	}
	once := map[string]func(w *world, ctx context.Context) error{
		"OnConnected": func(w *world, ctx context.Context) error {
			_, err := w.backend.OnConnected(ctx, &realtimev1.OnConnectedRequest{Context: about("/")})
			return err
		},
		"an event": func(w *world, ctx context.Context) error {
			_, err := w.backend.OnEvent(ctx, eventRequest("x"))
			return err
		},
	}
	for name, call := range repeatable {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			first := w.attach(t, 1)
			done := make(chan error, 1)
			go func() { done <- call(w, within(t, patience)) }()
			if n := contextOf(first.next()).GetAttempt(); n != 1 {
				t.Errorf("the first attempt is number %d", n)
			}
			second := w.attach(t, 1)
			first.cut()
			again := second.next()
			if n := contextOf(again).GetAttempt(); n != 2 {
				t.Errorf("the second attempt is number %d", n)
			}
			second.answer(again)
			if err := want(t, done); err != nil {
				t.Error(err)
			}
			if n := w.metric(t, "calls_reassigned_total"); n != 1 {
				t.Errorf("%v are counted", n)
			}
		})
	}
	for name, call := range once {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			first := w.attach(t, 1)
			done := make(chan error, 1)
			begin := time.Now()
			go func() { done <- call(w, within(t, time.Minute)) }()
			first.next()
			second := w.attach(t, 1)
			first.cut()
			wantCode(t, want(t, done), codes.Unavailable)
			if took := time.Since(begin); took > patience {
				t.Errorf("it took %v", took)
			}
			second.idle()
			if n := w.metric(t, "calls_total", "failed"); n != 1 {
				t.Errorf("%v are counted", n)
			}
		})
	}
}

// TestVanishedBeforeItBegan: a call that the worker has not got goes to another
// one, whatever it is. The worker does not read, so most are not sent.
func TestVanishedBeforeItBegan(t *testing.T) {
	w := newWorld(t)
	ctx, cut := context.WithCancel(t.Context())
	defer cut()
	stream, err := realtimev1.NewRealtimeClient(w.conn).Attach(ctx)
	if err != nil {
		t.Fatal(err)
	}
	hello := &realtimev1.AttachHello{Group: groupName, Credits: maxCredits}
	if err := stream.Send(&realtimev1.AttachRequest{Message: &realtimev1.AttachRequest_Hello{Hello: hello}}); err != nil {
		t.Fatal(err)
	}
	until(t, "it has come", func() bool { return w.metric(t, "workers") == 1 })
	const calls = 60
	req := eventRequest("x")
	req.Event.Args = []*realtimev1.Arg{{Kind: &realtimev1.Arg_Binary{Binary: make([]byte, 100<<10)}}}
	failed := make(chan bool, calls)
	for range calls {
		go func() {
			_, err := w.backend.OnEvent(within(t, patience), req)
			if err != nil {
				wantCode(t, err, codes.Unavailable)
			}
			failed <- err != nil
		}()
	}
	until(t, "it has got them", func() bool { return w.metric(t, "credits_used") == calls })
	other := w.attach(t, maxCredits)
	cut()
	var answering sync.WaitGroup
	ended := make(chan struct{})
	answering.Go(func() {
		for {
			select {
			case call := <-other.calls:
				other.answer(call)
			case <-ended:
				return
			}
		}
	})
	answered, lost := 0, 0
	for range calls {
		if want(t, failed) {
			lost++
		} else {
			answered++
		}
	}
	close(ended)
	answering.Wait()
	if answered < calls/2 || lost == 0 {
		t.Errorf("%d were answered by the other one and %d lost; most had not been begun", answered, lost)
	}
}

// TestPoison: a call that ends every worker that gets it ends three of them.
func TestPoison(t *testing.T) {
	w := newWorld(t)
	done := w.authenticate(within(t, patience))
	for range maxAttempts {
		r := w.attach(t, 1)
		r.next()
		r.cut()
	}
	wantCode(t, want(t, done).err, codes.Aborted)
	w.attach(t, 1).idle()
}

// TestSilentWorker: a worker that is stopped gets no more calls, and what may be
// repeated goes to another one. When it goes on, so does the rest.
func TestSilentWorker(t *testing.T) {
	w := newWorld(t, quick, func(t *times) { t.gone = time.Hour })
	stopped := w.attach(t, 2)
	stopped.mute(true)
	ctx := within(t, patience)
	who := w.authenticate(ctx)
	auth := stopped.next()
	event := w.event(ctx, "x")
	call := stopped.next()
	other := w.attach(t, 2)
	other.answer(other.next())
	if got := want(t, who); got.err != nil {
		t.Error(got.err)
	}
	if id := want(t, stopped.cancels); id != auth.GetId() {
		t.Errorf("%d was cancelled", id)
	}
	for range 4 {
		done := w.event(ctx, "y")
		other.answer(other.next())
		if got := want(t, done); got.err != nil {
			t.Error(got.err)
		}
	}
	stopped.idle()
	stopped.mute(false)
	stopped.answer(call)
	if got := want(t, event); got.err != nil {
		t.Errorf("what could not be repeated was not waited for: %v", got.err)
	}
	stopped.answer(auth)
	until(t, "its credits are back", func() bool { return w.metric(t, "credits_used") == 0 })
	other.draining()
	if err := want(t, other.ended); err != nil {
		t.Error(err)
	}
	back := w.event(ctx, "z")
	stopped.answer(stopped.next())
	if got := want(t, back); got.err != nil {
		t.Error(got.err)
	}
}

func TestGoneWorker(t *testing.T) {
	w := newWorld(t, quick)
	r := w.attach(t, 1)
	r.mute(true)
	event := w.event(within(t, time.Minute), "x")
	r.next()
	err := want(t, r.ended)
	wantCode(t, err, codes.InvalidArgument)
	if reason(err) != "ATTACH_VIOLATION" {
		t.Errorf("the reason is %q", reason(err))
	}
	wantCode(t, want(t, event).err, codes.Unavailable)
	if w.log.Count("a worker has come") != 1 || w.log.Count("a worker has left") != 1 || w.log.Count("unanswered=1") != 1 {
		t.Error("the log does not say that it has come and left")
	}
}

// TestDrain: a worker that drains answers what it has, and its stream ends well.
// What it would have got goes to others.
func TestDrain(t *testing.T) {
	w := newWorld(t)
	old := w.attach(t, 5)
	ctx := within(t, patience)
	first, second := w.event(ctx, "x"), w.event(ctx, "x")
	calls := []*realtimev1.AttachCall{old.next(), old.next()}
	old.draining()
	until(t, "it drains", func() bool {
		g := w.hub.groups[groupName]
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.workers[0].draining
	})
	third := w.event(ctx, "x")
	successor := w.attach(t, 5)
	successor.answer(successor.next())
	if got := want(t, third); got.err != nil {
		t.Error(got.err)
	}
	for _, call := range calls {
		old.answer(call)
	}
	for _, done := range []<-chan reply[*realtimev1.OnEventResponse]{first, second} {
		if got := want(t, done); got.err != nil {
			t.Error(got.err)
		}
	}
	if err := want(t, old.ended); err != nil {
		t.Errorf("the stream ended with %v", err)
	}
	old.idle()
}

// TestHubEnds: workers are asked to attach elsewhere, answer what has to be answered
// here, and are sent away then.
func TestHubEnds(t *testing.T) {
	w := newWorld(t)
	busy, idle := w.attach(t, 1), w.attach(t, 0)
	w.hub.Leave()
	want(t, busy.moves)
	want(t, idle.moves)
	late := w.open(t, &realtimev1.AttachHello{Group: groupName, Credits: 1})
	if err := want(t, late.ended); reason(err) != "DRAINING" {
		t.Errorf("a late worker got %v", err)
	}
	done := w.event(within(t, patience), "last")
	call := busy.next()
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		w.hub.Close(within(t, patience))
	}()
	err := want(t, idle.ended)
	wantCode(t, err, codes.Unavailable)
	if reason(err) != "DRAINING" {
		t.Errorf("the reason is %q", reason(err))
	}
	busy.answer(call)
	if got := want(t, done); got.err != nil {
		t.Error(got.err)
	}
	if err := want(t, busy.ended); reason(err) != "DRAINING" {
		t.Errorf("it ended with %v", err)
	}
	want(t, closed)
	_, err = w.backend.OnEvent(within(t, patience), eventRequest("x"))
	wantCode(t, err, codes.Unavailable)
}

// TestHubEndsInHaste: who does not answer does not keep the process from ending.
func TestHubEndsInHaste(t *testing.T) {
	w := newWorld(t)
	r := w.attach(t, 1)
	done := w.event(within(t, time.Hour), "x")
	r.next()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w.hub.Close(ctx)
	wantCode(t, want(t, done).err, codes.Unavailable)
	if err := want(t, r.ended); reason(err) != "DRAINING" {
		t.Errorf("it ended with %v", err)
	}
}
