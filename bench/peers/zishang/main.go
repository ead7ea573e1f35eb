// Command zishang is a minimal Socket.IO server made of
// github.com/zishang520/socket.io/v2. It answers `echo`, and asks every client
// for an acknowledgement that need not come.
package main

import (
	"context"
	"flag"
	"log/slog"
	"net"
	"net/http"
	"os"

	"github.com/zishang520/socket.io/v2/socket"
)

func main() {
	address := flag.String("http", "127.0.0.1:0", "`address` for clients")
	flag.Parse()
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	if err := serve(*address, log); err != nil {
		log.Error("server failed", slog.Any("error", err))
		os.Exit(1)
	}
}

func serve(address string, log *slog.Logger) error {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", address)
	if err != nil {
		return err
	}
	io := socket.NewServer(nil, nil)
	if err := io.On("connection", welcome); err != nil {
		return err
	}
	log.Info("listening", slog.String("listener", "http"), slog.String("address", listener.Addr().String()))
	return http.Serve(listener, io.ServeHandler(nil))
}

func welcome(clients ...any) {
	client, _ := clients[0].(*socket.Socket) // so says the library
	_ = client.On("echo", func(args ...any) {
		last := len(args) - 1
		if ack, wanted := args[last].(socket.Ack); wanted {
			ack(args[:last], nil)
		}
	})
	client.EmitWithAck("hello")(func([]any, error) {})
}
