package realtime_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"github.com/seed52a35d2d/realtime-server/clients/go/realtime"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorder is a Realtime service on loopback. It keeps the requests of every
// call and answers them by one function.
type recorder struct {
	address string
	answer  func(req proto.Message) (proto.Message, error)

	mu            sync.Mutex
	requests      []proto.Message
	authorization []string // of the newest call
}

func newRecorder(t *testing.T, answer func(proto.Message) (proto.Message, error), opts ...grpc.ServerOption) *recorder {
	t.Helper()
	r := &recorder{answer: answer}
	server := grpc.NewServer(append(opts, grpc.UnaryInterceptor(r.record))...)
	realtimev1.RegisterRealtimeServer(server, realtimev1.UnimplementedRealtimeServer{})
	r.address = serveOnLoopback(t, server)
	return r
}

// serveOnLoopback serves until the test ends and returns the address.
func serveOnLoopback(t *testing.T, server *grpc.Server) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		// A short test may stop the server before it began to serve.
		if err := server.Serve(listener); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			t.Errorf("serve: %v", err)
		}
	}()
	t.Cleanup(func() {
		server.Stop()
		<-done
	})
	return listener.Addr().String()
}

func (r *recorder) record(
	ctx context.Context, req any, _ *grpc.UnaryServerInfo, _ grpc.UnaryHandler,
) (any, error) {
	message := req.(proto.Message)
	r.mu.Lock()
	r.requests = append(r.requests, message)
	r.authorization = metadata.ValueFromIncomingContext(ctx, "authorization")
	r.mu.Unlock()
	return r.answer(message)
}

func (r *recorder) client(t *testing.T, opts ...realtime.Option) *realtime.Client {
	t.Helper()
	client, err := realtime.Dial(r.address, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return client
}

// always answers every call in the same way.
func always(reply proto.Message, err error) func(proto.Message) (proto.Message, error) {
	return func(proto.Message) (proto.Message, error) { return reply, err }
}
