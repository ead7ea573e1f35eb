package attach

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/internal/testlog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const groupName = "chat"

// patience is how long a test waits for what should happen at once.
const patience = 20 * time.Second

// world is a hub behind a real gRPC server.
type world struct {
	hub     *Hub
	conn    *grpc.ClientConn
	backend realtimev1.RealtimeBackendClient
	reg     *prometheus.Registry
	log     *testlog.Log
	close   func()
}

// quick are times for tests that wait for pulses.
func quick(t *times) {
	t.pulse, t.silent, t.gone, t.hello = 10*time.Millisecond, 200*time.Millisecond, time.Second, 200*time.Millisecond
	t.spacing = time.Millisecond
}

func newWorld(tb testing.TB, changes ...func(*times)) *world {
	tb.Helper()
	w := newNode(tb, nil, changes...)
	return w
}

// newNode is a world whose hub has peers.
func newNode(tb testing.TB, join func(*Hub) Peers, changes ...func(*times)) *world {
	tb.Helper()
	w := &world{reg: prometheus.NewRegistry(), log: &testlog.Log{}}
	w.hub = New(Params{
		Groups: []string{groupName, "other"}, NodeID: "node-1", MaxMessage: 4 << 20,
		Log: slog.New(slog.NewTextHandler(w.log, nil)), Metrics: w.reg,
	})
	for _, change := range changes {
		change(&w.hub.times)
	}
	var peers Peers
	if join != nil {
		peers = join(w.hub)
	}
	w.hub.Start(peers)
	server := grpc.NewServer()
	realtimev1.RegisterRealtimeServer(server, &api{hub: w.hub})
	lis := bufconn.Listen(1 << 16)
	served := make(chan struct{})
	go func() {
		defer close(served)
		server.Serve(lis)
	}()
	var err error
	w.conn, err = grpc.NewClient("passthrough:///api", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return lis.DialContext(ctx) }))
	if err != nil {
		tb.Fatal(err)
	}
	w.backend = realtimev1.NewRealtimeBackendClient(w.hub.Conn(groupName, 1<<20))
	w.close = sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		w.hub.Close(ctx)
		w.conn.Close()
		server.Stop()
		<-served
	})
	tb.Cleanup(w.close)
	return w
}

type api struct {
	realtimev1.UnimplementedRealtimeServer

	hub *Hub
}

func (a *api) Attach(stream Stream) error { return a.hub.Attach(stream) }

// metric is the sum of a metric's values whose labels contain all of those given.
func (w *world) metric(t *testing.T, name string, labels ...string) (sum float64) {
	t.Helper()
	families, err := w.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != "realtime_attach_"+name {
			continue
		}
	each:
		for _, m := range family.GetMetric() {
			values := map[string]bool{}
			for _, l := range m.GetLabel() {
				values[l.GetValue()] = true
			}
			for _, l := range labels {
				if !values[l] {
					continue each
				}
			}
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return sum
}

// until waits until something is so.
func until(tb testing.TB, what string, is func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(patience); !is(); {
		if time.Now().After(deadline) {
			tb.Fatalf("waited in vain until %s", what)
		}
		timer := time.NewTimer(time.Millisecond)
		<-timer.C
	}
}

// raw is a worker that says what the test wants. Pings are answered unless mute.
type raw struct {
	t      testing.TB
	stream grpc.BidiStreamingClient[realtimev1.AttachRequest, realtimev1.AttachResponse]
	cut    context.CancelFunc

	sending sync.Mutex
	muted   bool

	welcome chan *realtimev1.AttachWelcome
	calls   chan *realtimev1.AttachCall
	cancels chan uint64
	moves   chan struct{}
	ended   chan error // nil for OK
}

// open opens a stream and says hello, unless it is nil.
func (w *world) open(tb testing.TB, hello *realtimev1.AttachHello) *raw {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	stream, err := realtimev1.NewRealtimeClient(w.conn).Attach(ctx)
	if err != nil {
		tb.Fatal(err)
	}
	r := &raw{
		t: tb, stream: stream, cut: cancel, welcome: make(chan *realtimev1.AttachWelcome, 1),
		calls: make(chan *realtimev1.AttachCall, 10_000), cancels: make(chan uint64, 10_000),
		moves: make(chan struct{}, 1), ended: make(chan error, 1),
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.receive()
	}()
	tb.Cleanup(func() {
		cancel()
		<-done
	})
	if hello != nil {
		r.say(&realtimev1.AttachRequest{Message: &realtimev1.AttachRequest_Hello{Hello: hello}})
	}
	return r
}

// attach opens a stream and waits for the welcome.
func (w *world) attach(tb testing.TB, credits int32, changes ...func(*realtimev1.AttachHello)) *raw {
	tb.Helper()
	hello := &realtimev1.AttachHello{Group: groupName, Worker: "w", Credits: credits}
	for _, change := range changes {
		change(hello)
	}
	r := w.open(tb, hello)
	if got := want(tb, r.welcome); got.GetNodeId() != "node-1" || got.GetMaxMessageBytes() != 4<<20 {
		tb.Errorf("the welcome is %v", got)
	}
	return r
}

func events(patterns ...string) func(*realtimev1.AttachHello) {
	return func(h *realtimev1.AttachHello) { h.Events = patterns }
}

func namespaces(patterns ...string) func(*realtimev1.AttachHello) {
	return func(h *realtimev1.AttachHello) { h.Namespaces = patterns }
}

func (r *raw) receive() {
	for {
		m, err := r.stream.Recv()
		if errors.Is(err, io.EOF) {
			err = nil
		}
		if m == nil {
			r.ended <- err
			return
		}
		switch said := m.GetMessage().(type) {
		case *realtimev1.AttachResponse_Welcome:
			r.welcome <- said.Welcome
		case *realtimev1.AttachResponse_Call:
			r.calls <- said.Call
		case *realtimev1.AttachResponse_Cancel:
			r.cancels <- said.Cancel.GetId()
		case *realtimev1.AttachResponse_Move:
			r.moves <- struct{}{}
		case *realtimev1.AttachResponse_Ping:
			r.sending.Lock()
			muted := r.muted
			r.sending.Unlock()
			if !muted {
				r.pong()
			}
		}
	}
}

func (r *raw) mute(muted bool) {
	r.sending.Lock()
	defer r.sending.Unlock()
	r.muted = muted
}

func (r *raw) say(m *realtimev1.AttachRequest) {
	r.sending.Lock()
	defer r.sending.Unlock()
	_ = r.stream.Send(m) // that the stream has ended is told by Recv
}

func (r *raw) pong() {
	r.say(&realtimev1.AttachRequest{Message: &realtimev1.AttachRequest_Pong{Pong: &realtimev1.AttachPong{}}})
}

func (r *raw) credits(n int32) {
	r.say(&realtimev1.AttachRequest{Message: &realtimev1.AttachRequest_Credits{Credits: &realtimev1.AttachCredits{Credits: n}}})
}

func (r *raw) draining() {
	r.say(&realtimev1.AttachRequest{Message: &realtimev1.AttachRequest_Draining{Draining: &realtimev1.AttachDraining{}}})
}

func (r *raw) result(result *realtimev1.AttachResult) {
	r.say(&realtimev1.AttachRequest{Message: &realtimev1.AttachRequest_Result{Result: result}})
}

// answer answers a call with what fits it.
func (r *raw) answer(call *realtimev1.AttachCall) {
	result := &realtimev1.AttachResult{Id: call.GetId()}
	switch call.GetRequest().(type) {
	case *realtimev1.AttachCall_Authenticate:
		result.Outcome = &realtimev1.AttachResult_Authenticate{Authenticate: &realtimev1.AuthenticateResponse{
			Result: &realtimev1.AuthenticateResponse_Accept{Accept: &realtimev1.Accept{UserId: "ann"}},
		}}
	case *realtimev1.AttachCall_OnConnected:
		result.Outcome = &realtimev1.AttachResult_OnConnected{OnConnected: &realtimev1.OnConnectedResponse{Rooms: []string{"lobby"}}}
	case *realtimev1.AttachCall_OnEvent:
		result.Outcome = &realtimev1.AttachResult_OnEvent{OnEvent: &realtimev1.OnEventResponse{
			Ack: call.GetOnEvent().GetEvent().GetArgs(),
		}}
	case *realtimev1.AttachCall_OnDisconnected:
		result.Outcome = &realtimev1.AttachResult_OnDisconnected{OnDisconnected: &realtimev1.OnDisconnectedResponse{}}
	}
	r.result(result)
}

// next is the next call that comes.
func (r *raw) next() *realtimev1.AttachCall {
	r.t.Helper()
	return want(r.t, r.calls)
}

// idle fails if a call has come.
func (r *raw) idle() {
	r.t.Helper()
	select {
	case call := <-r.calls:
		r.t.Fatalf("got %v", call)
	default:
	}
}

func want[T any](tb testing.TB, from <-chan T) T {
	tb.Helper()
	select {
	case got := <-from:
		return got
	case <-time.After(patience):
		tb.Fatal("it has not come")
		panic("unreachable")
	}
}

// reply is what became of a call that was begun.
type reply[T any] struct {
	got T
	err error
}

func about(namespace string) *realtimev1.RequestContext {
	return &realtimev1.RequestContext{ConnectionId: "c1", Namespace: namespace, Attempt: 1}
}

// authenticate makes a call beside the test.
func (w *world) authenticate(ctx context.Context) <-chan reply[*realtimev1.AuthenticateResponse] {
	done := make(chan reply[*realtimev1.AuthenticateResponse], 1)
	go func() {
		got, err := w.backend.Authenticate(ctx, &realtimev1.AuthenticateRequest{Context: about("/")})
		done <- reply[*realtimev1.AuthenticateResponse]{got, err}
	}()
	return done
}

// event makes a call beside the test.
func (w *world) event(ctx context.Context, name string) <-chan reply[*realtimev1.OnEventResponse] {
	done := make(chan reply[*realtimev1.OnEventResponse], 1)
	go func() {
		got, err := w.backend.OnEvent(ctx, eventRequest(name))
		done <- reply[*realtimev1.OnEventResponse]{got, err}
	}()
	return done
}

func eventRequest(name string) *realtimev1.OnEventRequest {
	return &realtimev1.OnEventRequest{Context: about("/"), Event: &realtimev1.Event{Name: name}}
}

// within is a context for calls.
func within(tb testing.TB, d time.Duration) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), d)
	tb.Cleanup(cancel)
	return ctx
}

func wantCode(t *testing.T, err error, code codes.Code) {
	t.Helper()
	if status.Code(err) != code {
		t.Errorf("got %v, want %v", err, code)
	}
}

// reason is ErrorInfo.reason of a status.
func reason(err error) string {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}
