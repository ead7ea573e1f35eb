package realtime

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

// serverSilence is how long the server, which pings every second, may say nothing
// before it counts as gone.
const serverSilence = 15 * time.Second

// maxCall is the largest message that the server may send.
const maxCall = 64 << 20

// errSilent is why a stream ends whose server says nothing.
var errSilent = status.Error(codes.Unavailable, "the server is silent")

type attachStream = grpc.BidiStreamingClient[realtimev1.AttachRequest, realtimev1.AttachResponse]

// attachment is one stream of an [attacher].
type attachment struct {
	*attacher

	welcomed  atomic.Bool
	moved     chan struct{} // closed when the server asks to attach elsewhere
	isMoved   bool
	maxResult int

	sending sync.Mutex   // one message at a time
	stream  attachStream // nil until it is open

	mu    sync.Mutex
	calls map[uint64]context.CancelFunc // those that are served
}

func newAttachment(a *attacher) *attachment {
	return &attachment{attacher: a, moved: make(chan struct{}), calls: map[uint64]context.CancelFunc{}}
}

// serve opens the stream and serves its calls until the server ends it, which it
// does soon after ctx has ended. An orderly end is nil.
func (s *attachment) serve(ctx context.Context) error {
	conn, err := grpc.NewClient(s.client.target, s.client.dial...)
	if err != nil {
		return err
	}
	defer conn.Close()
	// The stream outlives ctx for as long as calls are in flight.
	open, cut := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cut(nil)
	silence := time.AfterFunc(s.silence, func() { cut(errSilent) })
	defer silence.Stop()
	grace := time.AfterFunc(s.grace, func() { cut(nil) })
	grace.Stop()
	defer grace.Stop()
	defer context.AfterFunc(ctx, func() {
		if s.drain() {
			grace.Reset(s.grace)
		} else {
			cut(nil)
		}
	})()
	stream, err := realtimev1.NewRealtimeClient(conn).Attach(open, grpc.MaxCallRecvMsgSize(maxCall))
	if err != nil {
		return err
	}
	s.open(stream)
	for {
		m, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil && errors.Is(context.Cause(open), errSilent):
			return errSilent
		case err != nil:
			return err
		}
		silence.Reset(s.silence)
		s.hear(open, m)
	}
}

// open says who this is. Whatever else is said comes after that.
func (s *attachment) open(stream attachStream) {
	s.sending.Lock()
	defer s.sending.Unlock()
	s.stream = stream
	// That the stream has ended is told by Recv, here as elsewhere.
	_ = stream.Send(&realtimev1.AttachRequest{Message: &realtimev1.AttachRequest_Hello{Hello: &realtimev1.AttachHello{
		Group: s.group, Worker: s.name, Namespaces: s.namespaces, Events: s.events,
		Credits: int32(s.credits), //nolint:gosec // the server says what is too many
	}}})
}

// drain asks the server for no more calls. It is false if there is no stream yet.
func (s *attachment) drain() bool {
	s.sending.Lock()
	defer s.sending.Unlock()
	if s.stream == nil {
		return false
	}
	_ = s.stream.Send(&realtimev1.AttachRequest{Message: &realtimev1.AttachRequest_Draining{Draining: &realtimev1.AttachDraining{}}})
	return true
}

// say sends a message.
func (s *attachment) say(m *realtimev1.AttachRequest) {
	s.sending.Lock()
	defer s.sending.Unlock()
	_ = s.stream.Send(m)
}

// hear takes one message of the server.
func (s *attachment) hear(ctx context.Context, m *realtimev1.AttachResponse) {
	switch said := m.GetMessage().(type) {
	case *realtimev1.AttachResponse_Welcome:
		s.maxResult = int(said.Welcome.GetMaxMessageBytes())
		s.welcomed.Store(true)
		s.log.LogAttrs(ctx, slog.LevelInfo, "backend attached", slog.String("node", said.Welcome.GetNodeId()))
	case *realtimev1.AttachResponse_Call:
		s.begin(ctx, said.Call)
	case *realtimev1.AttachResponse_Cancel:
		s.mu.Lock()
		cancel := s.calls[said.Cancel.GetId()]
		s.mu.Unlock()
		if cancel != nil {
			cancel()
		}
	case *realtimev1.AttachResponse_Move:
		if !s.isMoved {
			s.isMoved = true
			close(s.moved)
		}
	case *realtimev1.AttachResponse_Ping:
		s.say(&realtimev1.AttachRequest{Message: &realtimev1.AttachRequest_Pong{Pong: &realtimev1.AttachPong{}}})
	}
}

// begin serves a call beside others.
func (s *attachment) begin(ctx context.Context, call *realtimev1.AttachCall) {
	ctx, cancel := context.WithTimeout(metadata.NewIncomingContext(ctx, metadata.New(call.GetMetadata())), call.GetTimeout().AsDuration())
	s.mu.Lock()
	s.calls[call.GetId()] = cancel
	s.mu.Unlock()
	s.handlers.Go(func() {
		defer cancel()
		result := s.result(ctx, call)
		s.mu.Lock()
		delete(s.calls, call.GetId())
		s.mu.Unlock()
		s.say(&realtimev1.AttachRequest{Message: &realtimev1.AttachRequest_Result{Result: result}})
	})
}

// result is what came of a call, once there was a place for it.
func (s *attachment) result(ctx context.Context, call *realtimev1.AttachCall) *realtimev1.AttachResult {
	select {
	case s.places <- struct{}{}:
		defer func() { <-s.places }()
	case <-ctx.Done():
		return failed(call, ctx.Err())
	}
	result := s.answer(ctx, call)
	const envelope = 64 // what the message has besides
	if size := proto.Size(result); s.maxResult > 0 && size+envelope > s.maxResult {
		return failed(call, status.Errorf(codes.ResourceExhausted, "the response has %d bytes, more than the server takes", size))
	}
	return result
}

// answer calls the function that a call is for.
func (s *attachment) answer(ctx context.Context, call *realtimev1.AttachCall) *realtimev1.AttachResult {
	result := &realtimev1.AttachResult{Id: call.GetId()}
	switch r := call.GetRequest().(type) {
	case *realtimev1.AttachCall_Authenticate:
		resp, err := s.server.Authenticate(ctx, r.Authenticate)
		if err != nil {
			return failed(call, err)
		}
		result.Outcome = &realtimev1.AttachResult_Authenticate{Authenticate: resp}
	case *realtimev1.AttachCall_OnConnected:
		resp, err := s.server.OnConnected(ctx, r.OnConnected)
		if err != nil {
			return failed(call, err)
		}
		result.Outcome = &realtimev1.AttachResult_OnConnected{OnConnected: resp}
	case *realtimev1.AttachCall_OnEvent:
		resp, err := s.server.OnEvent(ctx, r.OnEvent)
		if err != nil {
			return failed(call, err)
		}
		result.Outcome = &realtimev1.AttachResult_OnEvent{OnEvent: resp}
	case *realtimev1.AttachCall_OnDisconnected:
		resp, err := s.server.OnDisconnected(ctx, r.OnDisconnected)
		if err != nil {
			return failed(call, err)
		}
		result.Outcome = &realtimev1.AttachResult_OnDisconnected{OnDisconnected: resp}
	case *realtimev1.AttachCall_AuthorizeJoin:
		resp, err := s.server.AuthorizeJoin(ctx, r.AuthorizeJoin)
		if err != nil {
			return failed(call, err)
		}
		result.Outcome = &realtimev1.AttachResult_AuthorizeJoin{AuthorizeJoin: resp}
	default:
		return failed(call, status.Error(codes.Unimplemented, "the backend does not know this call"))
	}
	return result
}

// failed is the result of a call that failed, with the status that gRPC would
// give it.
func failed(call *realtimev1.AttachCall, err error) *realtimev1.AttachResult {
	s, ok := status.FromError(err)
	if !ok {
		s = status.FromContextError(err) // UNKNOWN for all other errors
	}
	return &realtimev1.AttachResult{
		Id: call.GetId(),
		Outcome: &realtimev1.AttachResult_Error{Error: &realtimev1.AttachError{
			Code: int32(s.Code()), Message: s.Message(), //nolint:gosec // codes are small
		}},
	}
}
