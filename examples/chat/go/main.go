// Chat is the backend of a chat, in Go. realtime-server asks it who a client
// is and hands it what clients emit; it answers through the Realtime API.
//
// ../node/server.mjs is the same backend in Node. With -attach it dials out.
package main

import (
	"context"
	"flag"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/seed52a35d2d/realtime-server/clients/go/realtime"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:50052", "address that realtime-server calls")
	server := flag.String("realtime", "127.0.0.1:50051", "address of realtime-server's API")
	group := flag.String("attach", "", "group as which to dial out, in place of listening")
	flag.Parse()
	if err := run(*listen, *server, *group); err != nil {
		log.Fatal(err)
	}
}

func run(listen, server, group string) error {
	client, err := realtime.Dial(server, realtime.WithPlaintext())
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	c := &chat{realtime: client}
	backend := &realtime.Backend{
		Authenticate:   c.authenticate,
		OnConnected:    c.welcome,
		OnEvent:        c.event,
		OnDisconnected: c.left,
	}
	if group != "" {
		return realtime.Attach(ctx, client, group, backend)
	}
	return realtime.Serve(ctx, listen, backend)
}
