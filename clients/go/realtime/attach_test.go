package realtime

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/durationpb"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

const soon = 20 * time.Second

// attachServer is a server whose side of each stream the test plays.
type attachServer struct {
	realtimev1.UnimplementedRealtimeServer

	streams chan *serverStream
}

// serverStream is one stream, as the server sees it.
type serverStream struct {
	t     *testing.T
	rpc   grpc.BidiStreamingServer[realtimev1.AttachRequest, realtimev1.AttachResponse]
	heard chan *realtimev1.AttachRequest // closed at the end
	end   chan error                     // ends it
}

func (s *attachServer) Attach(rpc grpc.BidiStreamingServer[realtimev1.AttachRequest, realtimev1.AttachResponse]) error {
	stream := &serverStream{rpc: rpc, heard: make(chan *realtimev1.AttachRequest, 100), end: make(chan error, 1)}
	go func() {
		defer close(stream.heard)
		for {
			m, err := rpc.Recv()
			if err != nil {
				return
			}
			stream.heard <- m
		}
	}()
	s.streams <- stream
	select {
	case err := <-stream.end:
		return err
	case <-rpc.Context().Done():
		return rpc.Context().Err()
	}
}

// attached runs Attach against a server until the test ends.
type attached struct {
	t      *testing.T
	server *attachServer
	stop   context.CancelFunc
	ended  chan error
	log    *lines
}

// lines counts what is logged.
type lines struct{ n atomic.Int32 }

func (l *lines) Write(p []byte) (int, error) {
	l.n.Add(1)
	return len(p), nil
}

func attachTo(t *testing.T, backend *Backend, opts ...AttachOption) *attached {
	t.Helper()
	a := &attached{t: t, server: &attachServer{streams: make(chan *serverStream, 10)}, ended: make(chan error, 1), log: &lines{}}
	server := grpc.NewServer()
	realtimev1.RegisterRealtimeServer(server, a.server)
	lis := bufconn.Listen(1 << 16)
	served := make(chan struct{})
	go func() {
		defer close(served)
		server.Serve(lis)
	}()
	client, err := Dial("passthrough:///server", WithPlaintext(), WithDialOptions(
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return lis.DialContext(ctx) })))
	if err != nil {
		t.Fatal(err)
	}
	if backend.Authenticate == nil {
		backend.Authenticate = acceptAll
	}
	backend.Log = slog.New(slog.NewTextHandler(a.log, nil))
	var ctx context.Context
	ctx, a.stop = context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.ended <- Attach(ctx, client, "chat", backend, opts...)
	}()
	t.Cleanup(func() {
		a.stop()
		server.Stop()
		<-served
		<-done
		client.Close()
	})
	return a
}

func receive[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case got := <-from:
		return got
	case <-time.After(soon):
		t.Fatal("it has not come")
		panic("unreachable")
	}
}

// next is the next stream, with its hello.
func (a *attached) next() (*serverStream, *realtimev1.AttachHello) {
	a.t.Helper()
	s := receive(a.t, a.server.streams)
	s.t = a.t
	hello := receive(a.t, s.heard).GetHello()
	if hello == nil {
		a.t.Fatal("the first message is not hello")
	}
	return s, hello
}

// welcomed is the next stream, welcomed.
func (a *attached) welcomed() *serverStream {
	a.t.Helper()
	s, _ := a.next()
	s.say(&realtimev1.AttachResponse{Message: &realtimev1.AttachResponse_Welcome{
		Welcome: &realtimev1.AttachWelcome{NodeId: "n", MaxMessageBytes: 1000},
	}})
	return s
}

func (s *serverStream) say(m *realtimev1.AttachResponse) {
	s.t.Helper()
	if err := s.rpc.Send(m); err != nil {
		s.t.Fatal(err)
	}
}

func (s *serverStream) call(call *realtimev1.AttachCall) {
	s.t.Helper()
	if call.GetTimeout() == nil {
		call.Timeout = durationpb.New(time.Minute)
	}
	s.say(&realtimev1.AttachResponse{Message: &realtimev1.AttachResponse_Call{Call: call}})
}

func (s *serverStream) result() *realtimev1.AttachResult {
	s.t.Helper()
	m := receive(s.t, s.heard)
	if m.GetResult() == nil {
		s.t.Fatalf("got %v", m)
	}
	return m.GetResult()
}

func eventCall(id uint64, name string) *realtimev1.AttachCall {
	return &realtimev1.AttachCall{Id: id, Request: &realtimev1.AttachCall_OnEvent{
		OnEvent: &realtimev1.OnEventRequest{Event: &realtimev1.Event{Name: name}},
	}}
}

func TestAttachServes(t *testing.T) {
	a := attachTo(t, &Backend{
		Authenticate: func(ctx context.Context, _ AuthRequest) (Accept, error) {
			md, _ := metadata.FromIncomingContext(ctx)
			deadline, _ := ctx.Deadline()
			if left := time.Until(deadline); left > time.Minute || left < time.Second {
				t.Errorf("%v are left", left)
			}
			return Accept{UserID: md.Get("user")[0]}, nil
		},
		OnConnected: func(context.Context, ConnectedRequest) (Welcome, error) {
			return Welcome{Rooms: []string{"lobby"}}, nil
		},
		OnEvent: func(_ context.Context, req EventRequest) ([]any, error) {
			switch req.Event.Name {
			case "panic":
				panic("as the test wants it")
			case "refuse":
				return nil, status.Error(codes.PermissionDenied, "no")
			case "fail":
				return nil, errors.New("broken")
			case "late":
				return nil, context.DeadlineExceeded
			case "long":
				return []any{strings.Repeat("x", 1000)}, nil
			}
			return []any{"yes"}, nil
		},
	}, WithCredits(7), WithWorkerName("w"), WithNamespaces("/"), WithEvents("a", "b*"))
	s, hello := a.next()
	if hello.GetGroup() != "chat" || hello.GetWorker() != "w" || hello.GetCredits() != 7 ||
		strings.Join(append(hello.GetNamespaces(), hello.GetEvents()...), " ") != "/ a b*" {
		t.Errorf("the hello is %v", hello)
	}
	s.say(&realtimev1.AttachResponse{Message: &realtimev1.AttachResponse_Welcome{
		Welcome: &realtimev1.AttachWelcome{MaxMessageBytes: 1000},
	}})
	s.call(&realtimev1.AttachCall{
		Id: 1, Metadata: map[string]string{"user": "ann"},
		Request: &realtimev1.AttachCall_Authenticate{Authenticate: &realtimev1.AuthenticateRequest{}},
	})
	if r := s.result(); r.GetId() != 1 || r.GetAuthenticate().GetAccept().GetUserId() != "ann" {
		t.Errorf("Authenticate: %v", r)
	}
	s.call(&realtimev1.AttachCall{Id: 2, Request: &realtimev1.AttachCall_OnConnected{OnConnected: &realtimev1.OnConnectedRequest{}}})
	if r := s.result(); r.GetOnConnected().GetRooms()[0] != "lobby" {
		t.Errorf("OnConnected: %v", r)
	}
	s.call(eventCall(3, "ok"))
	if r := s.result(); r.GetOnEvent().GetAck()[0].GetJson() != `"yes"` {
		t.Errorf("OnEvent: %v", r)
	}
	for name, code := range map[string]codes.Code{
		"panic": codes.Internal, "refuse": codes.PermissionDenied, "fail": codes.Unknown,
		"late": codes.DeadlineExceeded, "long": codes.ResourceExhausted,
	} {
		s.call(eventCall(4, name))
		if r := s.result(); codes.Code(r.GetError().GetCode()) != code {
			t.Errorf("%s: %v", name, r)
		}
	}
	for _, call := range []*realtimev1.AttachCall{
		{Id: 5, Request: &realtimev1.AttachCall_OnDisconnected{OnDisconnected: &realtimev1.OnDisconnectedRequest{}}},
		{Id: 6}, // of a newer server
	} {
		s.call(call)
		if r := s.result(); r.GetId() != call.GetId() || codes.Code(r.GetError().GetCode()) != codes.Unimplemented {
			t.Errorf("%v: %v", call, r)
		}
	}
	s.say(&realtimev1.AttachResponse{}) // of a newer server
	s.say(&realtimev1.AttachResponse{Message: &realtimev1.AttachResponse_Ping{}})
	if m := receive(t, s.heard); m.GetPong() == nil {
		t.Errorf("a ping was answered with %v", m)
	}
}

func TestAttachCancels(t *testing.T) {
	a := attachTo(t, &Backend{OnEvent: func(ctx context.Context, _ EventRequest) ([]any, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	s := a.welcomed()
	s.call(eventCall(1, "x"))
	s.say(&realtimev1.AttachResponse{Message: &realtimev1.AttachResponse_Cancel{Cancel: &realtimev1.AttachCancel{Id: 4711}}})
	s.say(&realtimev1.AttachResponse{Message: &realtimev1.AttachResponse_Cancel{Cancel: &realtimev1.AttachCancel{Id: 1}}})
	if r := s.result(); codes.Code(r.GetError().GetCode()) != codes.Canceled {
		t.Errorf("a cancelled call: %v", r)
	}
	call := eventCall(2, "x")
	call.Timeout = durationpb.New(time.Millisecond)
	s.call(call)
	if r := s.result(); codes.Code(r.GetError().GetCode()) != codes.DeadlineExceeded {
		t.Errorf("a call without time: %v", r)
	}
}

// TestAttachMoves: a server that is about to end is served until it ends the
// stream, beside the next one; and the two together have no more calls at a time
// than there are credits.
func TestAttachMoves(t *testing.T) {
	begun, proceed := make(chan string, 2), make(chan struct{})
	a := attachTo(t, &Backend{OnEvent: func(_ context.Context, req EventRequest) ([]any, error) {
		begun <- req.Event.Name
		<-proceed
		return nil, nil
	}}, WithCredits(1))
	old := a.welcomed()
	old.call(eventCall(1, "first"))
	if name := receive(t, begun); name != "first" {
		t.Errorf("%s has begun", name)
	}
	move := &realtimev1.AttachResponse{Message: &realtimev1.AttachResponse_Move{Move: &realtimev1.AttachMove{}}}
	old.say(move)
	old.say(move)
	other := a.welcomed()
	other.call(eventCall(1, "second"))
	ping := &realtimev1.AttachResponse{Message: &realtimev1.AttachResponse_Ping{}}
	other.say(ping)
	if m := receive(t, other.heard); m.GetPong() == nil {
		t.Errorf("got %v", m)
	}
	select {
	case name := <-begun:
		t.Errorf("%s has begun without a credit", name)
	default:
	}
	proceed <- struct{}{}
	old.result()
	proceed <- struct{}{}
	other.result()
	old.end <- status.Error(codes.Unavailable, "the server ends")
	other.call(eventCall(2, "third"))
	proceed <- struct{}{}
	other.result()
	select {
	case <-a.server.streams:
		t.Error("a third stream")
	default:
	}
}

func TestAttachEndsWithItsContext(t *testing.T) {
	finish := make(chan struct{})
	a := attachTo(t, &Backend{OnEvent: func(context.Context, EventRequest) ([]any, error) {
		<-finish
		return []any{"done"}, nil
	}})
	s := a.welcomed()
	s.call(eventCall(1, "x"))
	a.stop()
	if m := receive(t, s.heard); m.GetDraining() == nil {
		t.Errorf("got %v", m)
	}
	s.call(eventCall(2, "y")) // was on its way
	close(finish)
	s.result()
	s.result()
	s.end <- nil
	if err := receive(t, a.ended); err != nil {
		t.Error(err)
	}
}

// TestAttachEndsInTime: neither a call nor a server that does not end keeps the
// program from ending.
func TestAttachEndsInTime(t *testing.T) {
	a := attachTo(t, &Backend{OnEvent: func(ctx context.Context, _ EventRequest) ([]any, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}, func(a *attacher) { a.grace = 10 * time.Millisecond })
	s := a.welcomed()
	s.call(eventCall(1, "x"))
	a.stop()
	if err := receive(t, a.ended); err != nil {
		t.Error(err)
	}
}

// TestAttachComesBack: whatever ends the stream, another one follows.
func TestAttachComesBack(t *testing.T) {
	a := attachTo(t, &Backend{}, func(a *attacher) { a.silence = 200 * time.Millisecond })
	for _, end := range []error{
		nil, status.Error(codes.Unavailable, "draining"), status.Error(codes.PermissionDenied, "the key has changed"),
	} {
		a.welcomed().end <- end
	}
	a.welcomed() // and says nothing any more
	refused, _ := a.next()
	refused.end <- status.Error(codes.PermissionDenied, "not now")
	again, _ := a.next()
	again.end <- status.Error(codes.Unavailable, "not now either")
	s := a.welcomed()
	a.stop()
	for {
		m, open := <-s.heard
		if !open {
			t.Fatal("the stream ended without a word")
		}
		if m.GetDraining() != nil {
			break
		}
	}
	s.end <- nil
	if err := receive(t, a.ended); err != nil {
		t.Error(err)
	}
}

// TestAttachRefused: who may not attach learns it, unless it has been attached.
func TestAttachRefused(t *testing.T) {
	a := attachTo(t, &Backend{})
	s, _ := a.next()
	s.end <- status.Error(codes.Unavailable, "not yet")
	s, _ = a.next()
	s.end <- status.Error(codes.NotFound, "no such group")
	if err := receive(t, a.ended); status.Code(err) != codes.NotFound {
		t.Errorf("got %v", err)
	}
	if err := Attach(t.Context(), nil, "chat", &Backend{}); err == nil {
		t.Error("a backend without Authenticate attaches")
	}
}

// TestAttachWithoutServer: a server that is away is looked for until ctx ends, and
// does not fill the log.
func TestAttachWithoutServer(t *testing.T) {
	var attempts atomic.Int32
	client, err := Dial("passthrough:///server", WithPlaintext(), WithDialOptions(
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) {
			attempts.Add(1)
			return nil, io.ErrClosedPipe
		})))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithCancel(t.Context())
	log := &lines{}
	ended := make(chan error, 1)
	go func() {
		ended <- Attach(ctx, client, "chat", &Backend{Authenticate: acceptAll, Log: slog.New(slog.NewTextHandler(log, nil))})
	}()
	for attempts.Load() < 3 {
		timer := time.NewTimer(time.Millisecond)
		<-timer.C
	}
	cancel()
	if err := receive(t, ended); err != nil {
		t.Error(err)
	}
	if n := log.n.Load(); n != 1 {
		t.Errorf("%d lines are logged", n)
	}
}
