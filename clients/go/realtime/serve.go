package realtime

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"google.golang.org/grpc"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

// stopGrace is how long calls in flight may take once [Serve] is told to end.
const stopGrace = 10 * time.Second

// Serve listens on a TCP address and answers the calls of realtime-server
// until ctx ends. It then takes no more calls, gives those in flight ten
// seconds, and returns nil. Any other end is an error.
//
// Without the option grpc.Creds it speaks plaintext.
func Serve(ctx context.Context, address string, backend *Backend, opts ...grpc.ServerOption) error {
	if backend.Authenticate == nil {
		return errors.New("serve backend: Authenticate is nil, so no client could connect")
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("serve backend: %w", err)
	}
	backend.log().LogAttrs(ctx, slog.LevelInfo, "backend listening", slog.String("address", listener.Addr().String()))
	return serve(ctx, listener, backend, opts)
}

// Register adds a backend to a gRPC server of the application's own.
func Register(registrar grpc.ServiceRegistrar, backend *Backend) {
	realtimev1.RegisterRealtimeBackendServer(registrar, &backendServer{backend: backend})
}

// serve is [Serve] from the listener on, which it closes.
func serve(ctx context.Context, listener net.Listener, backend *Backend, opts []grpc.ServerOption) error {
	server := grpc.NewServer(opts...)
	Register(server, backend)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	var err error
	select {
	case err = <-served:
	case <-ctx.Done():
		stop(server)
		err = <-served
	}
	if err == nil || errors.Is(err, grpc.ErrServerStopped) { // the latter: stopped before it began
		return nil
	}
	return fmt.Errorf("serve backend: %w", err)
}

func stop(server *grpc.Server) {
	timer := time.AfterFunc(stopGrace, server.Stop)
	defer timer.Stop()
	server.GracefulStop()
}
