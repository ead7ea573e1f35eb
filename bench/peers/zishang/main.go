// Command zishang is a minimal Socket.IO server made of
// github.com/zishang520/socket.io/v2. It answers `echo`, and sends what it is
// told to through the door of bench/internal/control.
package main

import (
	"context"
	"flag"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/zishang520/socket.io/v2/socket"

	"github.com/seed52a35d2d/realtime-server/bench/internal/control"
)

func main() {
	hello := flag.Bool("hello", false, "ask every client for an acknowledgement that need not come")
	flag.Parse()
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	if err := serve(*hello, log); err != nil {
		log.Error("server failed", slog.Any("error", err))
		os.Exit(1)
	}
}

func serve(hello bool, log *slog.Logger) error {
	ctx := context.Background()
	listener, err := control.Listen(ctx, log, "http")
	if err != nil {
		return err
	}
	io := socket.NewServer(nil, nil)
	err = io.On("connection", func(clients ...any) {
		client, _ := clients[0].(*socket.Socket) // so says the library
		_ = client.On("echo", echo)
		if hello {
			client.EmitWithAck("hello")(func([]any, error) {})
		}
	})
	if err != nil {
		return err
	}
	door := &control.Server{
		Broadcast: func(number int, text string) error { return emit(io, "n", number, text) },
		End:       func() error { return emit(io, "end") },
	}
	if err := door.Serve(ctx, log); err != nil {
		return err
	}
	return http.Serve(listener, io.ServeHandler(nil))
}

func echo(args ...any) {
	last := len(args) - 1
	if ack, wanted := args[last].(socket.Ack); wanted {
		ack(args[:last], nil)
	}
}

// emit sends to all clients and waits until every transport can take more: the
// library writes in the background, and keeps what comes meanwhile.
func emit(io *socket.Server, event string, args ...any) error {
	err := io.Sockets().Emit(event, args...)
	io.Sockets().Sockets().Range(func(_ socket.SocketId, client *socket.Socket) bool {
		for client.Connected() && !client.Conn().Transport().Writable() {
			time.Sleep(time.Millisecond)
		}
		return true
	})
	return err
}
