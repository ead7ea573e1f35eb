//go:build linux

// Command epoll is a floor with one epoll loop for all connections, and no
// goroutine for any: the loop accepts, reads, answers, and writes broadcasts.
package main

import (
	"context"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/seed52a35d2d/realtime-server/bench/floor"
	"github.com/seed52a35d2d/realtime-server/bench/internal/control"
)

func main() {
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	if err := run(log); err != nil {
		log.Error("floor has failed", slog.Any("error", err))
		os.Exit(1)
	}
}

func run(log *slog.Logger) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	clients, err := control.Listen(ctx, log, "http")
	if err != nil {
		return err
	}
	file, err := clients.(*net.TCPListener).File() //nolint:errcheck // what else would it be
	if err != nil {
		return err
	}
	defer file.Close()
	l, err := newLoop(int(file.Fd()))
	if err != nil {
		return err
	}
	door := &control.Server{
		Broadcast: func(number int, text string) error { return l.broadcast(floor.Event(number, text)) },
		End:       func() error { return l.broadcast(floor.End()) },
	}
	if err := door.Serve(ctx, log); err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() { failed <- l.run() }()
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	return err
}
