package attach

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/emptypb"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

func TestEveryMethod(t *testing.T) {
	w := newWorld(t)
	r := w.attach(t, 1)
	go func() {
		for call := range r.calls {
			if call.GetMetadata()["authorization"] != "Bearer x" || call.GetTimeout().AsDuration() > time.Minute || call.GetTimeout().AsDuration() < time.Second {
				t.Errorf("the call is %v", call)
			}
			r.answer(call)
		}
	}()
	defer close(r.calls)
	defer w.close()
	ctx := metadata.AppendToOutgoingContext(within(t, time.Minute), "authorization", "Bearer x")
	who, err := w.backend.Authenticate(ctx, &realtimev1.AuthenticateRequest{Context: about("/")})
	if err != nil || who.GetAccept().GetUserId() != "ann" {
		t.Errorf("Authenticate: %v, %v", who, err)
	}
	more, err := w.backend.OnConnected(ctx, &realtimev1.OnConnectedRequest{Context: about("/")})
	if err != nil || len(more.GetRooms()) != 1 {
		t.Errorf("OnConnected: %v, %v", more, err)
	}
	req := eventRequest("hello")
	req.Event.Args = []*realtimev1.Arg{{Kind: &realtimev1.Arg_Json{Json: "1"}}}
	ack, err := w.backend.OnEvent(ctx, req)
	if err != nil || ack.GetAck()[0].GetJson() != "1" {
		t.Errorf("OnEvent: %v, %v", ack, err)
	}
	if _, err := w.backend.OnDisconnected(ctx, &realtimev1.OnDisconnectedRequest{Context: about("/")}); err != nil {
		t.Errorf("OnDisconnected: %v", err)
	}
	if n := w.metric(t, "calls_total", groupName, "answered"); n != 4 {
		t.Errorf("%v are counted", n)
	}
}

// TestWhatIsNoCall: Conn is for RealtimeBackend only.
func TestWhatIsNoCall(t *testing.T) {
	conn := newWorld(t).hub.Conn(groupName, 100)
	auth := realtimev1.RealtimeBackend_Authenticate_FullMethodName
	wantCode(t, conn.Invoke(t.Context(), "/other/Method", &realtimev1.AuthenticateRequest{}, &emptypb.Empty{}), codes.Internal)
	wantCode(t, conn.Invoke(t.Context(), auth, &emptypb.Empty{}, &emptypb.Empty{}), codes.Internal)
	wantCode(t, conn.Invoke(t.Context(), auth, &realtimev1.AuthenticateRequest{}, "no message"), codes.Internal)
	_, err := conn.NewStream(t.Context(), &grpc.StreamDesc{}, auth)
	wantCode(t, err, codes.Unimplemented)
}

func TestResults(t *testing.T) {
	accept := func(user string) *realtimev1.AttachResult_Authenticate {
		return &realtimev1.AttachResult_Authenticate{Authenticate: &realtimev1.AuthenticateResponse{
			Result: &realtimev1.AuthenticateResponse_Accept{Accept: &realtimev1.Accept{UserId: user}},
		}}
	}
	failed := func(code int32) *realtimev1.AttachResult_Error {
		return &realtimev1.AttachResult_Error{Error: &realtimev1.AttachError{Code: code, Message: "as it wants"}}
	}
	w := newWorld(t)
	r := w.attach(t, 1)
	for name, test := range map[string]struct {
		result *realtimev1.AttachResult
		code   codes.Code
	}{
		"an answer":                   {&realtimev1.AttachResult{Outcome: accept("ann")}, codes.OK},
		"nothing":                     {&realtimev1.AttachResult{}, codes.Internal},
		"that of another method":      {&realtimev1.AttachResult{Outcome: &realtimev1.AttachResult_OnEvent{OnEvent: &realtimev1.OnEventResponse{}}}, codes.Internal},
		"an empty one":                {&realtimev1.AttachResult{Outcome: &realtimev1.AttachResult_Authenticate{}}, codes.OK},
		"more than is taken":          {&realtimev1.AttachResult{Outcome: accept(strings.Repeat("x", 1<<20))}, codes.ResourceExhausted},
		"an error":                    {&realtimev1.AttachResult{Outcome: failed(int32(codes.PermissionDenied))}, codes.PermissionDenied},
		"an error with the code OK":   {&realtimev1.AttachResult{Outcome: failed(0)}, codes.Unknown},
		"an error with no code":       {&realtimev1.AttachResult{Outcome: failed(-5)}, codes.Unknown},
		"an error with a large code":  {&realtimev1.AttachResult{Outcome: failed(4711)}, codes.Unknown},
		"an error that says: no time": {&realtimev1.AttachResult{Outcome: failed(int32(codes.DeadlineExceeded))}, codes.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			done := w.authenticate(within(t, patience))
			test.result.Id = r.next().GetId()
			r.result(test.result)
			wantCode(t, want(t, done).err, test.code)
		})
	}
}

// TestCredits: under load no worker ever has more calls than credits, whatever
// others have, and all calls are answered.
func TestCredits(t *testing.T) {
	const calls, callers = 3000, 200
	w := newWorld(t)
	var served [3]atomic.Int32
	var workers sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	defer workers.Wait()
	defer stop()
	for i, credits := range []int32{1, 2, 7} {
		r := w.attach(t, credits) // all have one name
		var now atomic.Int32
		workers.Go(func() {
			for {
				select {
				case call := <-r.calls:
					if n := now.Add(1); n > credits {
						t.Errorf("a worker with %d credits has %d calls", credits, n)
					}
					workers.Go(func() {
						served[i].Add(1)
						now.Add(-1) // before the answer, behind which the next call may come
						r.answer(call)
					})
				case <-ctx.Done():
					return
				}
			}
		})
	}
	if n := w.metric(t, "workers", groupName); n != 3 {
		t.Errorf("%v workers are counted", n)
	}
	if n := w.metric(t, "credits", groupName); n != 10 {
		t.Errorf("%v credits are counted", n)
	}
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for range calls / callers {
				if _, err := w.backend.OnEvent(within(t, patience), eventRequest("x")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	for i := range served {
		if served[i].Load() == 0 {
			t.Errorf("worker %d has got nothing", i)
		}
	}
	until(t, "no credit is used", func() bool { return w.metric(t, "credits_used") == 0 })
}

func TestCreditsChange(t *testing.T) {
	w := newWorld(t)
	r := w.attach(t, 0)
	ctx := within(t, patience)
	var done []<-chan reply[*realtimev1.OnEventResponse]
	for range 5 {
		done = append(done, w.event(ctx, "x"))
	}
	until(t, "all wait", func() bool { return w.metric(t, "calls_waiting", groupName) == 5 })
	r.idle()
	r.credits(2)
	first, second := r.next(), r.next()
	r.credits(1)
	r.answer(first)
	until(t, "the answer has come", func() bool { return w.metric(t, "credits_used") == 1 })
	r.idle()
	r.answer(second)
	third := r.next()
	r.credits(10)
	r.answer(third)
	r.answer(r.next())
	r.answer(r.next())
	for _, d := range done {
		if got := want(t, d); got.err != nil {
			t.Error(got.err)
		}
	}
}

// TestNoWorker: a call waits for half of its time, and is served if a worker comes.
func TestNoWorker(t *testing.T) {
	w := newWorld(t)
	begin := time.Now()
	_, err := w.backend.Authenticate(within(t, 200*time.Millisecond), &realtimev1.AuthenticateRequest{Context: about("/")})
	wantCode(t, err, codes.Unavailable)
	if took := time.Since(begin); took < 100*time.Millisecond {
		t.Errorf("it was given up after %v", took)
	}
	done := w.authenticate(within(t, patience))
	until(t, "it waits", func() bool { return w.metric(t, "calls_waiting") == 1 })
	r := w.attach(t, 1)
	r.answer(r.next())
	if got := want(t, done); got.err != nil {
		t.Error(got.err)
	}
	if n := w.metric(t, "calls_total", "unserved"); n != 1 {
		t.Errorf("%v are counted", n)
	}
}

func TestWhoTakesWhat(t *testing.T) {
	w := newWorld(t)
	chat := w.attach(t, 10, events("chat:*"), namespaces("/"))
	game := w.attach(t, 10, events("game:*", "score"), namespaces("/", "/team-*"))
	ctx := within(t, patience)
	for name, r := range map[string]*raw{"chat:say": chat, "game:move": game, "score": game} {
		done := w.event(ctx, name)
		r.answer(r.next())
		if got := want(t, done); got.err != nil {
			t.Errorf("%s: %v", name, got.err)
		}
	}
	_, err := w.backend.OnEvent(ctx, eventRequest("unknown"))
	wantCode(t, err, codes.FailedPrecondition)

	ask := make(chan error, 1)
	go func() {
		_, err := w.backend.Authenticate(ctx, &realtimev1.AuthenticateRequest{Context: about("/team-red")})
		ask <- err
	}()
	game.answer(game.next())
	if err := want(t, ask); err != nil {
		t.Error(err)
	}

	// The event of a worker that has just left is waited for.
	chat.draining()
	if err := want(t, chat.ended); err != nil {
		t.Error(err)
	}
	done := w.event(ctx, "chat:say")
	until(t, "it waits", func() bool { return w.metric(t, "calls_waiting") == 1 })
	chat = w.attach(t, 10, events("chat:*"))
	chat.answer(chat.next())
	if got := want(t, done); got.err != nil {
		t.Error(got.err)
	}
}

func TestLineIsBounded(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(within(t, patience))
	var all sync.WaitGroup
	for range maxLine {
		all.Go(func() {
			_, err := w.backend.OnEvent(ctx, eventRequest("x"))
			wantCode(t, err, codes.Canceled)
		})
	}
	until(t, "the line is full", func() bool { return w.metric(t, "calls_waiting") == maxLine })
	_, err := w.backend.OnEvent(ctx, eventRequest("x"))
	wantCode(t, err, codes.ResourceExhausted)
	cancel()
	all.Wait()
	if n := w.metric(t, "calls_waiting"); n != 0 {
		t.Errorf("%v wait still", n)
	}
}

// TestCancel: a worker is told that nobody waits any more, and its credit is used
// until it has answered.
func TestCancel(t *testing.T) {
	w := newWorld(t)
	r := w.attach(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	done := w.authenticate(ctx)
	call := r.next()
	cancel()
	wantCode(t, want(t, done).err, codes.Canceled)
	if id := want(t, r.cancels); id != call.GetId() {
		t.Errorf("call %d was cancelled", id)
	}
	second := w.authenticate(within(t, patience))
	until(t, "it waits", func() bool { return w.metric(t, "calls_waiting") == 1 })
	r.idle()
	r.answer(call)
	r.answer(r.next())
	if got := want(t, second); got.err != nil {
		t.Error(got.err)
	}
	if n := w.metric(t, "results_ignored_total", "late"); n != 1 {
		t.Errorf("%v are counted", n)
	}
}

// TestDeadline: a call that waits for a credit ends with its deadline.
func TestDeadline(t *testing.T) {
	w := newWorld(t)
	r := w.attach(t, 1)
	first := w.event(within(t, patience), "x")
	call := r.next()
	_, err := w.backend.OnEvent(within(t, 50*time.Millisecond), eventRequest("y"))
	wantCode(t, err, codes.DeadlineExceeded)
	r.answer(call)
	if got := want(t, first); got.err != nil {
		t.Error(got.err)
	}
	r.idle()
}

// TestSlowReader: a worker that does not read gets no more than a bounded number of
// bytes; others get the rest.
func TestSlowReader(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stream, err := realtimev1.NewRealtimeClient(w.conn).Attach(ctx)
	if err != nil {
		t.Fatal(err)
	}
	hello := &realtimev1.AttachHello{Group: groupName, Worker: "slow", Credits: maxCredits}
	if err := stream.Send(&realtimev1.AttachRequest{Message: &realtimev1.AttachRequest_Hello{Hello: hello}}); err != nil {
		t.Fatal(err)
	}
	until(t, "it has come", func() bool { return w.metric(t, "workers") == 1 })
	const size, calls = 256 << 10, 100
	req := eventRequest("x")
	req.Event.Args = []*realtimev1.Arg{{Kind: &realtimev1.Arg_Json{Json: `"` + strings.Repeat("x", size) + `"`}}}
	callers, end := context.WithCancel(within(t, patience))
	var all sync.WaitGroup
	for range calls {
		all.Go(func() { _, _ = w.backend.OnEvent(callers, req) })
	}
	until(t, "the rest waits", func() bool { return w.metric(t, "calls_waiting") > 0 })
	until(t, "all have come", func() bool { return w.metric(t, "calls_waiting")+w.metric(t, "credits_used") == calls })
	// What the transport holds comes on top.
	if got, most := w.metric(t, "credits_used"), float64(maxUnsent/size+8); got > most {
		t.Errorf("it has got %v calls, want at most %v", got, most)
	}
	end()
	all.Wait()
}

func TestMatch(t *testing.T) {
	for _, test := range []struct {
		pattern, name string
		want          bool
	}{
		{"chat", "chat", true},
		{"chat", "chats", false},
		{"*", "", true},
		{"*", "anything", true},
		{"chat:*", "chat:", true},
		{"chat:*", "chat", false},
		{"*:say", "chat:say", true},
		{"a*b*c", "abc", true},
		{"a*b*c", "a-b-b-c", true},
		{"a*b*c", "a-c-b", false},
		{"ab*ba", "aba", false},
		{"**", "x", true},
		{"", "", true},
		{"", "x", false},
	} {
		t.Run(fmt.Sprintf("%s for %s", test.pattern, test.name), func(t *testing.T) {
			if got := match(test.pattern, test.name); got != test.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

// FuzzMatch holds the matching against one that tries everything.
func FuzzMatch(f *testing.F) {
	f.Add("a*b*c", "a-b-b-c")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if len(pattern) > 20 || len(name) > 40 || strings.Count(pattern, "*") > 5 {
			return // it would take long
		}
		if got, want := match(pattern, name), slowly(pattern, name); got != want {
			t.Errorf("match(%q, %q) is %v", pattern, name, got)
		}
	})
}

func slowly(pattern, name string) bool {
	switch {
	case pattern == "":
		return name == ""
	case pattern[0] == '*':
		return slowly(pattern[1:], name) || name != "" && slowly(pattern, name[1:])
	default:
		return name != "" && name[0] == pattern[0] && slowly(pattern[1:], name[1:])
	}
}
