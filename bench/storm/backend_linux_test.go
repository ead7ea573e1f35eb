package storm

import (
	"context"
	"encoding/json"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

// room is where the residents are.
const room = "residents"

// deskBackend is a backend that takes its time to find out who somebody is: it has so
// many desks, and each question keeps one of them busy. Those beyond wait in line, as
// they do before a pool of connections to a database. Everything else it answers at
// once.
type deskBackend struct {
	realtimev1.UnimplementedRealtimeBackendServer

	desks   chan struct{}
	service time.Duration
	slow    atomic.Bool // questions keep desks busy

	calls atomic.Int64 // of Authenticate, while slow

	mu         sync.Mutex
	running    map[context.Context]bool // calls of every method, by their contexts
	mostAtOnce int
}

// newBackend can answer so many questions in a second.
func newBackend(desks, perSecond int) *deskBackend {
	return &deskBackend{
		desks:   make(chan struct{}, desks),
		running: map[context.Context]bool{},
		service: time.Duration(desks) * time.Second / time.Duration(perSecond),
	}
}

// serve listens on the loopback until the test ends.
func (b *deskBackend) serve(t *testing.T) (target string) {
	t.Helper()
	lis, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.UnaryInterceptor(b.count))
	realtimev1.RegisterRealtimeBackendServer(server, b)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(lis) // ends with Stop
	}()
	t.Cleanup(func() {
		server.Stop()
		<-done
	})
	return lis.Addr().String()
}

// count notes how many calls run at once. Those do not count that the server has
// given up: gRPC has ended their contexts before it tells of the next call.
func (b *deskBackend) count(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	b.mu.Lock()
	b.running[ctx] = true
	live := 0
	for call := range b.running {
		if call.Err() == nil {
			live++
		}
	}
	b.mostAtOnce = max(b.mostAtOnce, live)
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		delete(b.running, ctx)
		b.mu.Unlock()
	}()
	return next(ctx, req)
}

func (b *deskBackend) most() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mostAtOnce
}

// Authenticate lets everybody in as the user that its token names, residents into
// their room.
func (b *deskBackend) Authenticate(ctx context.Context, req *realtimev1.AuthenticateRequest) (*realtimev1.AuthenticateResponse, error) {
	if b.slow.Load() {
		b.calls.Add(1)
		if err := b.work(ctx); err != nil {
			return nil, err
		}
	}
	var auth struct{ Token string }
	if err := json.Unmarshal([]byte(req.GetHandshake().GetClaims().GetAuthJson()), &auth); err != nil {
		return nil, err
	}
	accept := &realtimev1.Accept{UserId: auth.Token}
	if strings.HasPrefix(auth.Token, "resident") {
		accept.Rooms = []string{room}
	}
	return &realtimev1.AuthenticateResponse{Result: &realtimev1.AuthenticateResponse_Accept{Accept: accept}}, nil
}

// work keeps a desk busy, also for who has hung up meanwhile: a database would not
// know.
func (b *deskBackend) work(ctx context.Context) error {
	select {
	case b.desks <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	time.Sleep(b.service)
	<-b.desks
	return nil
}

// OnEvent acknowledges everything.
func (b *deskBackend) OnEvent(context.Context, *realtimev1.OnEventRequest) (*realtimev1.OnEventResponse, error) {
	return &realtimev1.OnEventResponse{Ack: []*realtimev1.Arg{{Kind: &realtimev1.Arg_Json{Json: "true"}}}}, nil
}
