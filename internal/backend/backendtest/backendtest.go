// Package backendtest has the backends of tests: one that does what the test
// says, and several that are no good.
package backendtest

import (
	"context"
	"math/rand/v2"
	"net"
	"testing"

	"google.golang.org/grpc"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

// Stub is a backend with one replaceable function per call. A call without one
// is UNIMPLEMENTED.
type Stub struct {
	realtimev1.UnimplementedRealtimeBackendServer

	AuthenticateFunc func(context.Context, *realtimev1.AuthenticateRequest) (*realtimev1.AuthenticateResponse, error)
	ConnectedFunc    func(context.Context, *realtimev1.OnConnectedRequest) (*realtimev1.OnConnectedResponse, error)
	EventFunc        func(context.Context, *realtimev1.OnEventRequest) (*realtimev1.OnEventResponse, error)
	AuthorizeFunc    func(context.Context, *realtimev1.AuthorizeJoinRequest) (*realtimev1.AuthorizeJoinResponse, error)
	DisconnectedFunc func(context.Context, *realtimev1.OnDisconnectedRequest) (*realtimev1.OnDisconnectedResponse, error)
}

// Authenticate calls AuthenticateFunc.
func (s *Stub) Authenticate(
	ctx context.Context, req *realtimev1.AuthenticateRequest,
) (*realtimev1.AuthenticateResponse, error) {
	if s.AuthenticateFunc == nil {
		return s.UnimplementedRealtimeBackendServer.Authenticate(ctx, req)
	}
	return s.AuthenticateFunc(ctx, req)
}

// OnConnected calls ConnectedFunc.
func (s *Stub) OnConnected(
	ctx context.Context, req *realtimev1.OnConnectedRequest,
) (*realtimev1.OnConnectedResponse, error) {
	if s.ConnectedFunc == nil {
		return s.UnimplementedRealtimeBackendServer.OnConnected(ctx, req)
	}
	return s.ConnectedFunc(ctx, req)
}

// OnEvent calls EventFunc.
func (s *Stub) OnEvent(ctx context.Context, req *realtimev1.OnEventRequest) (*realtimev1.OnEventResponse, error) {
	if s.EventFunc == nil {
		return s.UnimplementedRealtimeBackendServer.OnEvent(ctx, req)
	}
	return s.EventFunc(ctx, req)
}

// AuthorizeJoin calls AuthorizeFunc.
func (s *Stub) AuthorizeJoin(
	ctx context.Context, req *realtimev1.AuthorizeJoinRequest,
) (*realtimev1.AuthorizeJoinResponse, error) {
	if s.AuthorizeFunc == nil {
		return s.UnimplementedRealtimeBackendServer.AuthorizeJoin(ctx, req)
	}
	return s.AuthorizeFunc(ctx, req)
}

// OnDisconnected calls DisconnectedFunc.
func (s *Stub) OnDisconnected(
	ctx context.Context, req *realtimev1.OnDisconnectedRequest,
) (*realtimev1.OnDisconnectedResponse, error) {
	if s.DisconnectedFunc == nil {
		return s.UnimplementedRealtimeBackendServer.OnDisconnected(ctx, req)
	}
	return s.DisconnectedFunc(ctx, req)
}

// Serve offers s on a port of the loopback until the test ends, and returns
// its address.
func Serve(tb testing.TB, s *Stub) (target string) {
	tb.Helper()
	lis := listen(tb)
	ServeOn(tb, s, lis)
	return lis.Addr().String()
}

// ServeOn offers s on a listener until the test ends or stop is called.
func ServeOn(tb testing.TB, s *Stub, lis net.Listener, options ...grpc.ServerOption) (stop func()) {
	tb.Helper()
	server := grpc.NewServer(options...)
	realtimev1.RegisterRealtimeBackendServer(server, s)
	done := make(chan struct{})
	go func() {
		defer close(done)
		server.Serve(lis) //nolint:errcheck // ends with Stop
	}()
	stop = func() {
		server.Stop()
		<-done
	}
	tb.Cleanup(stop)
	return stop
}

// Down returns an address where nobody listens.
func Down(tb testing.TB) (target string) {
	tb.Helper()
	lis := listen(tb)
	lis.Close()
	return lis.Addr().String()
}

// BlackHole returns an address that takes connections and never says a word.
func BlackHole(tb testing.TB) (target string) {
	tb.Helper()
	return accept(tb, func(net.Conn) {})
}

// NotGRPC returns the address of a server that speaks something else.
func NotGRPC(tb testing.TB) (target string) {
	tb.Helper()
	return accept(tb, func(conn net.Conn) {
		_, _ = conn.Write([]byte("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")) // who does not listen has seen enough
	})
}

// Garbage returns the address of a server that speaks nothing at all.
func Garbage(tb testing.TB) (target string) {
	tb.Helper()
	return accept(tb, func(conn net.Conn) {
		noise := make([]byte, 1<<16)
		rand.NewChaCha8([32]byte{1}).Read(noise) //nolint:errcheck // never fails
		_, _ = conn.Write(noise)                 // who does not listen has heard enough
	})
}

func accept(tb testing.TB, greet func(net.Conn)) (target string) {
	tb.Helper()
	lis := listen(tb)
	done := make(chan struct{})
	go func() {
		defer close(done)
		var conns []net.Conn
		for {
			conn, err := lis.Accept()
			if err != nil {
				break
			}
			greet(conn)
			conns = append(conns, conn)
		}
		for _, conn := range conns {
			conn.Close()
		}
	}()
	tb.Cleanup(func() {
		lis.Close()
		<-done
	})
	return lis.Addr().String()
}

func listen(tb testing.TB) net.Listener {
	tb.Helper()
	lis, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	return lis
}
